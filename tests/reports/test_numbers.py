"""Every number in a report equals the one in the JSON."""

import json
import re
from dataclasses import asdict
from html import unescape

import pytest
from printed import DATA, check_numbers
from records import FUSION

from ulfprep.metrics.registry import all_metrics
from ulfprep.reports.participant import write_report


@pytest.fixture
def measured(qc):
    """A record with a number for every metric, none of them round."""
    qc['metrics'] = {
        name: (-1) ** k * 1.2345678901 * 10.0 ** (k % 7 - 3)
        for k, name in enumerate(all_metrics())
    }
    qc['metrics'] |= {'residual_mean': 3e-14, 'volume_brain': None}
    qc['contrast'] |= {
        'standard_errors': [2.34567, 1.01234, 0.98765],
        'snr_standard_errors': [0.1, 0.05, 0.05],
        'target_spread': [12.34, 20.1, 0.0],
        'relaxation': {
            'source': {},
            'target': {
                'WM': {
                    'T1_ms': 832.4, 'T1_sd_ms': 83.2, 'T2_ms': 79.0, 'T2_sd_ms': 7.9, 'PD': 0.7,
                    'PD_sd': 0.021, 'sources': ['A 1999'],
                },
            },
        },
    }  # fmt: skip
    scans = [{'name': f'sub-01_{m}', 'source': 'x', 'modality': m} for m in ('T1w', 'T2w')]
    moved = {
        'name': 'sub-01_T1w', 'rotation_deg': 2.51234, 'translation_mm': 3.25678,
        'measure': 'correlation', 'similarity_before': 0.712345, 'similarity_after': 0.95,
    }  # fmt: skip
    qc['fusion'] = asdict(FUSION) | {'role': 'scan', 'reference': 'sub-01_T2w'}
    qc['fusion'] |= {'scans': scans, 'registrations': [moved]}
    return qc


def test_every_number_in_the_report_equals_the_one_in_the_json(tmp_path, measured, add_scan):
    add_scan('sub-01', measured)
    html = write_report(tmp_path, '01').read_text(encoding='utf-8')
    record = json.loads((tmp_path / 'sub-01/anat/sub-01_desc-qc_T1w.json').read_text())
    keys = check_numbers(html, 'sub-01_T1w', record)
    # Every metric that is a number is printed, and so is what the summary is made of.
    metrics = {f'metrics.{name}' for name, value in record['metrics'].items() if value is not None}
    assert metrics <= set(keys)
    assert {
        'contrast.noise_sigma', 'contrast.source_field_T', 'contrast.snr.2', 'contrast.means.0',
        'contrast.contrast_vector.1', 'contrast.psf_fwhm_mm.2', 'contrast.equations.0.achieved',
        'contrast.relaxation.target.WM.T1_sd_ms', 'contrast.source_sequence.inversion_time',
        'fusion.registrations.0.rotation_deg', 'settings.random_seed', 'fit.options.steps',
    } <= set(keys)  # fmt: skip


def test_no_number_stands_in_the_sections_of_a_scan_but_those(tmp_path, measured, add_scan):
    """What is left without them are numbers of our own sentences and of texts in the record."""
    add_scan('sub-01', measured)
    html = write_report(tmp_path, '01').read_text(encoding='utf-8')
    for section in ('summary', 'fusion', 'contrast'):
        part = html.split(f'<section id="s1-{section}">')[1].split('</section>')[0]
        text = unescape(re.sub(r'<[^>]*>', ' ', DATA.sub(' ', part)))
        left = set(re.findall(r'\d+\.\d+', text))
        # A default that the record tells of in words, and a version.
        assert left <= {'0.3', '0.1'}, (section, left)


def test_scans_of_a_session_are_held_against_their_own_records(tmp_path, qc, add_scan):
    other = json.loads(json.dumps(qc))
    other['metrics']['residual_rms'] = 1.2345
    add_scan('sub-01_run-1', qc)
    add_scan('sub-01_run-2', other)
    html = write_report(tmp_path, '01').read_text(encoding='utf-8')
    assert check_numbers(html, 'sub-01_run-1_T1w', qc)
    assert check_numbers(html, 'sub-01_run-2_T1w', other)
    with pytest.raises(AssertionError, match='residual_rms'):
        check_numbers(html, 'sub-01_run-2_T1w', qc)
