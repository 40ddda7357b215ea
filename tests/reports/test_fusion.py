"""What a report says of scans that were fused."""

import re

import pytest
from markupsafe import Markup

from ulfprep.bids.store.outcomes import FINISHED, Outcome
from ulfprep.record import ScanRecord
from ulfprep.reports.pages import environment
from ulfprep.reports.participant import write_report
from ulfprep.reports.scan_page import scan_context

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
                'scans': [
                    {'name': n, 'source': 'x', 'modality': n.rpartition('_')[2]} for n in NAMES
                ],
                'digest': 'd',
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


@pytest.fixture
def said(tmp_path):
    """Return a function that gives what a page says of the fusion of a scan."""

    def text(record, template='fusion.html'):
        one = Outcome('sub-01_T1w', '01', None, 'T1w', FINISHED, ScanRecord.from_json(record))
        html = environment().get_template(template).render(scan=scan_context(1, one, [], tmp_path))
        return re.sub(r'\s+', ' ', Markup(html.replace('<', ' <')).striptags())

    return text


@pytest.mark.parametrize('template', ['fusion.html', 'fused.html'])
def test_an_ordinary_scan_says_nothing_of_fusion(said, qc, template):
    assert said(qc, template) == said(qc | {'fusion': None}, template) == ''


def test_the_shared_image_names_its_scans_and_its_anchor(said, fused):
    text = said(fused('fused', NAMES[0]))
    assert f'fitted to {NAMES[0]} and {NAMES[1]} together' in text
    assert f'shares its tissues with {NAMES[2]}' in text
    assert f'the anchor scan, {NAMES[0]}, lies' in text


def test_a_scan_says_where_its_image_is(said, fused):
    assert 'in the section of sub-01_T1w' in said(fused('member', NAMES[1]))
    text = said(fused('scan', NAMES[2], NAMES[2]))
    assert 'which share its tissues' in text
    assert f'written where the anchor scan, {NAMES[0]}, lies' in text


def test_who_is_left_out_says_why(said, fused):
    record = fused('alone', 'sub-01_acq-sag_T1w')
    assert 'processed by itself: a <b>motion</b>.' in said(record)
    assert said(record, 'fused.html') == ''


def test_motion_is_told_of_each_scan_but_the_anchor(said, fused):
    text = said(fused('fused', NAMES[0]), 'fused.html')
    assert f'{NAMES[0]} anchor {NAMES[1]} 2.5 \u00b0 3.25 mm correlation 0.7 0.95 ' in text


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
    assert 'The input is a T1-weighted' not in html.partition('id="s2"')[0]
