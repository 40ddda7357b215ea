"""What the page of a participant says of one scan, in words and tables."""

import re

import pytest
from markupsafe import Markup

from ulfprep.bids.files import write_json
from ulfprep.bids.store.outcomes import FINISHED, Outcome
from ulfprep.metrics.registry import all_metrics
from ulfprep.record import ScanRecord
from ulfprep.reports.pages import environment
from ulfprep.reports.participant import write_report
from ulfprep.reports.scan_page import metric_groups, scan_context

MEASURED = {
    'moved_csf_to_gm': 3.0, 'moved_csf_to_wm': 0.04, 'moved_gm_to_csf': 2.0,
    'moved_gm_to_wm': 11.26, 'moved_wm_to_csf': 0.5, 'moved_wm_to_gm': 21.0,
    'bias_range': 2.034, 'wm_cov_before': 0.2345, 'wm_cov_after': 0.1,
    'wm_gm_ratio_before': 1.5, 'wm_gm_ratio_after': 1.55, 'tissue_change_mean': 0.0456,
}  # fmt: skip
REGISTRATION = {
    'rotation_deg': 4.2345, 'translation_mm': 12.345, 'measure': 'correlation',
    'similarity_before': 0.31234, 'similarity_after': 0.91234,
}  # fmt: skip
NAMES = ['sub-01_acq-axi_T1w', 'sub-01_acq-cor_T1w', 'sub-01_T2w']


def context_of(qc, folder):
    """Return what is printed of a finished scan with the content of a QC file."""
    one = Outcome('sub-01_T1w', '01', None, 'T1w', FINISHED, ScanRecord.from_json(qc))
    return scan_context(1, one, [], folder)


@pytest.fixture
def page(tmp_path):
    """Return a function that gives a part of a scan's page as text of single spaces."""

    def text(qc, template='summary.html', html=False):
        scan = context_of(qc, tmp_path)
        made = environment().get_template(template).render(scan=scan, show=lambda *given: '')
        # Cells of a table stand apart.
        return made if html else Markup(re.sub('<', ' <', made)).striptags().replace(' .', '.')

    return text


@pytest.fixture
def finding(qc, tmp_path):
    """Return a function that gives what a figure says of metrics."""

    def text(name, metrics):
        scan = context_of(qc | {'metrics': metrics}, tmp_path)
        module = environment().get_template('findings.html').module
        return Markup(module.finding(scan, name)).striptags()

    return text


@pytest.fixture
def fused(qc):
    """Return a function that gives the record of one of the scans, or of what they share."""

    def record(role, name, output='sub-01_T1w'):
        fusion = {
            'role': role,
            'output': output,
            'reference': NAMES[0],
            'scans': [{'name': n, 'source': 'x', 'modality': n[-3:]} for n in NAMES],
            'digest': 'd',
            'registrations': [REGISTRATION | {'name': n} for n in NAMES[1:]],
            'left_out': [{'name': 'sub-01_acq-sag_T1w', 'reason': 'a <b>motion</b>'}],
        }
        source = f'bids:raw:sub-01/anat/{name}.nii.gz'
        return qc | {'source': source, 'modality': name[-3:], 'fusion': fusion}

    return record


def test_summary_says_what_was_decided(page, qc):
    text = page(qc)
    for words in (
        'scan at 0.064 T', 'look at 3 T', '1.6 \u00d7 1.6 \u00d7 5 mm', 'Rayleigh background',
        'stated: InversionTime is not in the sidecar: 0.3 assumed.', 'embedded HMRF-EM',
        'inversion time 300 ms', 'r.m.s. residual / noise (ideal 1)',
    ):  # fmt: skip
        assert re.sub(r'\s', '', words) in re.sub(r'\s', '', text), words
    assert 'put in' not in text


@pytest.mark.parametrize(('asked', 'shown'), [({}, '1'), ({'output_resolution': 0.5}, '0.5')])
def test_summary_says_how_fine_the_image_is(page, qc, asked, shown):
    qc['settings'] |= asked
    assert re.search(rf'look at\s+3\s+T with voxels of\s+{shown}\s+mm', page(qc))


def test_summary_of_a_simulation_tells_both_scanners(page, qc):
    qc['direction'] = 'simulate'
    qc['metrics'] = {'noise_ratio_simulated': 1.02, 'psf_ratio_simulated': None}
    qc['contrast'] |= {'psf': 'kspace', 'psf_fwhm_mm': [1.0, 1.0, 1.0], 'defaults_used': []}
    qc['simulation'] = {
        'voxel_size_mm': [1.6, 1.6, 5.0], 'psf': 'kspace', 'snr': 14.0, 'n_realisations': 3,
        'noise_sd': 3.0, 'bias_strength': 0.1, 'noise_fwhm_mm': 0.0, 'keep_head': False, 'seed': 1,
        'stream': 'sub-01_T1w',
    }  # fmt: skip
    text = page(qc)
    for words in (
        'From it was simulated what a scanner of', 'Nothing had to be assumed',
        'scans that differ in their noise were simulated with voxels of', 'none, white noise',
        's.d. of its logarithm 0.1', '1 , sub-01_T1w', 'noise found / noise put in (ideal 1)',
    ):  # fmt: skip
        assert words in text, words
    # That of the target is stated, not that of the source.
    assert ' Point-spread function ' not in text
    assert 'blur found' not in text


def test_targets_stand_beside_what_was_measured(page, qc):
    qc['contrast'] |= {
        'snr_standard_errors': [0.1, 0.05, 0.05],
        'target_spread': [12.0, 20.0, 0.0],
        'target_sources': ['stated with --target-contrast', 'physics', 'physics'],
    }
    text = page(qc)
    row = 'GM 0.7500 \u00b1 0.0025 16.700 \u00b1 0.050 0.650 \u00b1 0.050 1.15 physics'
    assert row in text


def test_relaxation_values_name_field_and_source(page, qc):
    values = {
        'T1_ms': 3695.4, 'T1_sd_ms': 369.5, 'T2_ms': 79.0, 'T2_sd_ms': 7.9, 'PD': 1.0,
        'PD_sd': 0.0, 'sources': ['A 1999', 'B 1997'],
    }  # fmt: skip
    qc['contrast']['relaxation'] = {'source': {}, 'target': {'CSF': values}}
    text = page(qc, 'contrast.html')
    # As many places as the error allows.
    row = 'CSF at 3 T 3700 \u00b1 370 79.0 \u00b1 7.9 1 A 1999; B 1997'
    assert row in text
    assert 'WM-GM 5.6 5.5 \u22120.1 1' in text


def test_bias_before_and_after_is_told(finding):
    text = finding('bias', MEASURED)
    for words in ('factor of 2.03', '23.4 % of its mean', '10 % after', '1.500', '1.550'):
        assert words in text, words
    text = finding('bias', MEASURED | {'wm_gm_ratio_after': None})
    assert 'factor of 2.03' in text
    assert 'median' not in text


def test_moves_of_tissue_come_largest_first(finding):
    assert set(MEASURED) <= set(all_metrics())
    text = finding('tissuechange', MEASURED)
    assert '4.56 % of a voxel' in text
    assert 'tissue: WM \u2192 GM 21.0, GM \u2192 WM 11.3, CSF \u2192 GM 3.0' in text
    assert text.endswith('CSF \u2192 WM 0.0 ml.')


@pytest.mark.parametrize('name', ['bias', 'tissuechange', 'loss'])
@pytest.mark.parametrize('metrics', [{}, dict.fromkeys(MEASURED)])
def test_nothing_measured_is_nothing_said(finding, name, metrics):
    assert finding(name, metrics) == ''


def test_the_high_field_image_stands_with_the_metrics(page, qc):
    reference = REGISTRATION | {
        'source': 'bids:raw:sub-01/ses-hf/anat/sub-01_ses-hf_T1w.nii.gz', 'field_T': 3.0,
        'mask': 'the brain masks of both', 'intensities': 'fitted <linearly>',
    }  # fmt: skip
    html = page(qc | {'reference': reference}, 'metrics.html', html=True)
    text = Markup(html).striptags()
    for words in (
        'Measured against a high-field image', 'turned by 4.23\u00b0 and moved by 12.3 mm',
        'Likeness (correlation)', '0.312 before, 0.912 after', 'the brain masks of both',
    ):  # fmt: skip
        assert words in text, words
    assert 'data-key="reference.rotation_deg"' in html
    assert 'fitted &lt;linearly&gt;' in html
    assert 'against a high-field image' not in page(qc, 'metrics.html')


def test_what_a_scan_took_is_told_by_step(page, qc, tmp_path):
    assert 'Memory not recorded' in page(qc)
    node = {'n_procs': 1}
    record = {
        'scan': 'sub-01_T1w', 'shared_with': ['sub-01_T2w'], 'seconds': 262.4,
        'cpu_seconds': 480.3, 'peak_gb': 1.93,
        'nodes': [
            node | {'node': 'conform', 'seconds': 0.4, 'cpu_seconds': 0.3, 'peak_gb': 0.2},
            node | {'node': 'bias', 'seconds': 12.0, 'cpu_seconds': None, 'peak_gb': None},
            node | {'node': 'fit', 'seconds': 250.0, 'cpu_seconds': 480.0, 'peak_gb': 1.93},
        ],
    }  # fmt: skip
    write_json(tmp_path / 'logs/resources/sub-01_T1w.json', record)
    text = page(qc)
    assert (
        'Time 4 min 22 s in all its steps, 8 min 0 s of CPU (shared with sub-01_T2w); longest: '
        'fit, 4 min 10 s'
    ) in text
    assert 'Memory 1.9 GB at most, in fit' in text
    steps = text.split('Time and memory of each step')[1]
    assert 'conform' not in steps
    assert steps.index('fit') < steps.index('bias 12 s not recorded not recorded')


def test_metrics_say_their_meaning_or_why_they_are_missing(qc):
    (title, (rms,), shown), (other, (lpips,), absent) = metric_groups(ScanRecord.from_json(qc))
    assert (title, other) == ('Data consistency', 'Other')
    # A category that is null for one reason is told at once.
    assert (shown, absent) == ('', 'there is no reference image')
    assert (rms['value'].striptags(), rms['reason']) == ('1.02', '')
    assert rms['metric'] is all_metrics()['residual_rms']
    assert (lpips['value'], lpips['reason']) == ('n/a', 'there is no reference image')
    assert lpips['metric'].label == 'lpips'


@pytest.mark.parametrize(('value', 'outside'), [(1.5, True), (1.0, False), (None, False)])
def test_what_lies_outside_of_a_rule_is_marked(qc, value, outside):
    qc['metrics'] = {'residual_rms': value}
    ((_, (row,), _),) = metric_groups(ScanRecord.from_json(qc))
    assert (row['outside'], row['expected']) == (outside, '0.6 to 1.3')


@pytest.mark.parametrize('template', ['fusion.html', 'fused.html'])
def test_an_ordinary_scan_says_nothing_of_fusion(page, qc, template):
    assert page(qc, template) == page(qc | {'fusion': None}, template) == ''


def test_the_shared_image_names_its_scans_and_its_anchor(page, fused):
    text = page(fused('fused', NAMES[0]), 'fusion.html')
    assert f'fitted to {NAMES[0]} and {NAMES[1]} together' in text
    assert f'shares its tissues with {NAMES[2]}' in text
    assert f'the anchor scan, {NAMES[0]}, lies' in text


def test_a_scan_says_where_its_image_is(page, fused):
    assert 'in the section of sub-01_T1w' in page(fused('member', NAMES[1]), 'fusion.html')
    text = page(fused('scan', NAMES[2], NAMES[2]), 'fusion.html')
    assert 'which share its tissues' in text
    assert f'written where the anchor scan, {NAMES[0]}, lies' in text


def test_who_is_left_out_says_why(page, fused):
    record = fused('alone', 'sub-01_acq-sag_T1w')
    assert 'processed by itself: a <b>motion</b>.' in page(record, 'fusion.html')
    assert page(record, 'fused.html') == ''


def test_motion_is_told_of_each_scan_but_the_anchor(page, fused):
    text = page(fused('fused', NAMES[0]), 'fused.html')
    assert f'{NAMES[0]} anchor {NAMES[1]} 4.23 \u00b0 12.3 mm correlation 0.312 0.912 ' in text


def test_the_page_of_a_group(tmp_path, fused, add_scan):
    members = ('bias', 'tissues', 'tissuechange', 'residual')
    add_scan('sub-01', fused('fused', NAMES[0]), members)
    own = ('enhancement', 'segmentation', 'uncertainty', 'loss')
    add_scan('sub-01_acq-axi', fused('member', NAMES[0]), own)
    html = write_report(tmp_path, '01').read_text()
    assert 'Missing figure' not in html
    assert 'T1w (fused)' in html
    assert html.count('<h3>Fusion</h3>') == 2
    assert '<strong>Left out:</strong> sub-01_acq-sag_T1w: a &lt;b&gt;motion' in html
    assert 'The input is a T1-weighted' not in html.partition('id="s2"')[0]
