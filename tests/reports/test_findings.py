"""Numbers of a figure as sentences, and nothing where there are none."""

import pytest
from markupsafe import Markup

from ulfprep.metrics.registry import all_metrics
from ulfprep.reports.findings import finding

MEASURED = {
    'bias_range': 2.034,
    'wm_cov_before': 0.2345,
    'wm_cov_after': 0.1,
    'wm_gm_ratio_before': 1.5,
    'wm_gm_ratio_after': 1.55,
    'tissue_change_mean': 0.0456,
    'moved_csf_to_gm': 3.0,
    'moved_csf_to_wm': 0.04,
    'moved_gm_to_csf': 2.0,
    'moved_gm_to_wm': 11.26,
    'moved_wm_to_csf': 0.5,
    'moved_wm_to_gm': 21.0,
}


def read(html):
    return Markup(html).striptags()


def test_the_numbers_told_are_those_of_the_data_dictionary():
    assert set(MEASURED) <= set(all_metrics())


def test_bias_before_and_after():
    text = read(finding('bias', {'metrics': MEASURED}))
    for words in ('factor of 2.03', '23.4 % of its mean', '10 % after', '1.500', '1.550'):
        assert words in text, words


def test_moves_come_largest_first():
    text = read(finding('tissuechange', {'metrics': MEASURED}))
    assert '4.56 % of a voxel' in text
    assert 'tissue: WM \u2192 GM 21.0, GM \u2192 WM 11.3, CSF \u2192 GM 3.0' in text
    assert text.endswith('CSF \u2192 WM 0.0 ml.')


@pytest.mark.parametrize('name', ['bias', 'tissuechange', 'loss'])
@pytest.mark.parametrize('record', [{}, {'metrics': None}, {'metrics': dict.fromkeys(MEASURED)}])
def test_nothing_measured_is_nothing_said(name, record):
    assert finding(name, record) == ''


def test_a_ratio_that_is_missing_does_not_cost_the_rest():
    text = read(finding('bias', {'metrics': MEASURED | {'wm_gm_ratio_after': None}}))
    assert 'factor of 2.03' in text
    assert 'median' not in text
