"""What a report says of scans that were fused."""

import pytest
from markupsafe import Markup

from ulfprep.reports import fusion
from ulfprep.reports.participant import write_report

NAMES = ['sub-01_acq-axi_T1w', 'sub-01_acq-cor_T1w', 'sub-01_T2w']


@pytest.fixture
def fused(qc):
    """Return a function that gives the record of one of the scans, or of what they share."""

    def record(role, name, output='sub-01_T1w'):
        return qc | {
            'source': f'bids:raw:sub-01/anat/{name}.nii.gz',
            'modality': name.rpartition('_')[2],
            'fusion': {
                'role': role,
                'output': output,
                'reference': NAMES[0],
                'scans': [{'name': n, 'modality': n.rpartition('_')[2]} for n in NAMES],
                'registrations': [
                    {
                        'name': n,
                        'rotation_deg': 2.5,
                        'translation_mm': 3.25,
                        'measure': 'correlation',
                        'similarity_before': 0.7,
                        'similarity_after': 0.95,
                    }
                    for n in NAMES[1:]
                ],
                'left_out': [{'name': 'sub-01_acq-sag_T1w', 'reason': 'a <b>motion</b>'}],
            },
        }

    return record


def test_an_ordinary_scan_says_nothing_of_fusion(qc):
    assert fusion.sentences(qc) == fusion.rows(qc) == fusion.left_out(qc) == []
    assert fusion.sentences(qc | {'fusion': None}) == []


def test_the_shared_image_names_its_scans_and_its_reference(fused):
    (text,) = fusion.sentences(fused('fused', NAMES[0]))
    assert f'{NAMES[0]} and {NAMES[1]} have in common' in text
    assert f'shares its tissues with {NAMES[2]}' in text
    assert f'in the world of {NAMES[0]}' in text


def test_a_scan_says_where_its_image_is(fused):
    (text,) = fusion.sentences(fused('member', NAMES[1]))
    assert 'in the section of sub-01_T1w' in text
    (text,) = fusion.sentences(fused('scan', NAMES[2], NAMES[2]))
    assert 'which share its tissues' in text
    assert f'written in the world of {NAMES[0]}' in text


def test_who_stands_alone_says_why(fused):
    record = fused('alone', 'sub-01_acq-sag_T1w')
    assert 'stands alone: a <b>motion</b>' in fusion.sentences(record)[0]
    assert fusion.rows(record) == []


def test_motion_is_told_of_each_scan_but_the_reference(fused):
    rows = fusion.rows(fused('fused', NAMES[0]))
    assert [row[0] for row in rows] == NAMES
    assert rows[0][1] == 'reference'
    assert tuple(Markup(cell).striptags() for cell in rows[1][1:]) == (
        '2.5°',
        '3.25 mm',
        'correlation',
        '0.7',
        '0.95',
    )


def test_the_page_of_a_group(tmp_path, fused, add_scan):
    own = ('enhancement', 'segmentation', 'uncertainty', 'loss')
    add_scan(
        'sub-01',
        fused('fused', NAMES[0]),
        leave_out=('bias', 'tissues', 'tissuechange', 'residual'),
    )
    add_scan('sub-01_acq-axi', fused('member', NAMES[0]), leave_out=own)
    html = write_report(tmp_path, '01').read_text()
    assert 'Missing figure' not in html
    assert 'T1w (fused)' in html
    assert html.count('<h3>Fusion</h3>') == 2
    assert '<strong>Left out:</strong> sub-01_acq-sag_T1w: a &lt;b&gt;motion' in html
    assert 'A T1-weighted scan at 0.064 T' not in html.partition('id="s2"')[0]
