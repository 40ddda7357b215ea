"""What a report says of a reference."""

from markupsafe import Markup

from ulfprep.reports.compared import reference_rows
from ulfprep.reports.participant import write_report

REFERENCE = {
    'source': 'bids:raw:sub-01/ses-hf/anat/sub-01_ses-hf_T1w.nii.gz',
    'field_T': 3.0,
    'transform': [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
    'rotation_deg': 4.2345,
    'translation_mm': 12.345,
    'measure': 'correlation',
    'similarity_before': 0.31234,
    'similarity_after': 0.91234,
    'mask': 'the brain masks of both',
    'intensities': 'fitted <linearly>',
}


def test_where_nothing_was_compared_nothing_is_said():
    assert reference_rows({}) == reference_rows({'reference': None}) == []


def test_a_reference_is_named_with_how_far_it_moved():
    rows = {name: Markup.escape(value) for name, value in reference_rows({'reference': REFERENCE})}
    assert rows['Field strength'].striptags() == '3 T'
    assert rows['Registered rigidly'].striptags() == 'turned by 4.23\u00b0 and moved by 12.3 mm'
    assert rows['Likeness (correlation)'].striptags() == '0.312 before, 0.912 after'
    assert rows['Compared inside'] == 'the brain masks of both'
    # An old record that states less costs no report.
    assert reference_rows({'reference': {'source': 'x'}})


def test_the_reference_stands_with_the_metrics(tmp_path, qc, add_scan):
    add_scan('sub-01', qc | {'reference': REFERENCE})
    html = write_report(tmp_path, '01').read_text()
    part = html.split('<section id="s1-metrics">')[1].split('</section>')[0]
    assert 'Measured against a high-field image' in part
    assert 'data-key="reference.rotation_deg"' in part
    assert 'fitted &lt;linearly&gt;' in part
