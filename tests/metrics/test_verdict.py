"""The verdict on a scan: rules over its metrics."""

import pytest

from ulfprep.metrics.registry import rules_of
from ulfprep.metrics.verdict import judge, warned
from ulfprep.note import Note, warning
from ulfprep.record import Verdict

GOOD = {
    'residual_rms': 1.0,
    'residual_mean': 0.0,
    'residual_beyond_3': 0.003,
    'snr_wm': 14.0,
    'volume_brain': 1500.0,
    'tissue_change_mean': 0.02,
    'uncertainty_p95': 0.15,
    'contrast_gain': 1.4,
    'contrast_wm_gm': 0.4,
    'contrast_target': 0.38,
}


def test_what_was_not_measured_is_not_held_against_a_scan():
    assert judge({}, 'enhance').level == 'usable'
    assert judge(dict.fromkeys(GOOD), 'enhance').level == 'usable'


@pytest.mark.parametrize('metric', dict(rules_of('enhance')))
def test_every_rule_can_be_broken(metric):
    rule = dict(rules_of('enhance'))[metric]
    assert rule.least <= rule.low < rule.high <= rule.most
    outside = rule.low - 1e-3 if rule.low > -1e9 else rule.high + 1e-3
    verdict = judge(GOOD | {metric: outside}, 'enhance')
    assert verdict.level == 'look'
    assert len(verdict.reasons) == 1
    assert metric in verdict.reasons[0]
    assert rule.expected in verdict.reasons[0]


@pytest.mark.parametrize(
    ('changed', 'level'),
    [
        ({}, 'usable'),
        ({'residual_rms': 3.6}, 'failed'),
        ({'residual_rms': 1.5}, 'look'),
        ({'volume_brain': 300.0}, 'failed'),
        ({'contrast_wm_gm': -0.1}, 'failed'),
        ({'contrast_wm_gm': 0.1}, 'look'),
        ({'contrast_wm_gm': -0.4, 'contrast_target': -0.38}, 'usable'),
        # A simulation has to show what was put in.
        ({'noise_ratio_simulated': 1.02, 'psf_ratio_simulated': 0.97}, 'usable'),
        ({'noise_ratio_simulated': 1.3}, 'look'),
        ({'psf_ratio_simulated': 2.2}, 'failed'),
        ({'contrast_target': 0.1, 'contrast_wm_gm_simulated': 0.11}, 'usable'),
        ({'contrast_target': 0.1, 'contrast_wm_gm_simulated': -0.1}, 'failed'),
    ],
)
def test_levels(changed, level):
    simulated = any(name.endswith('_simulated') for name in changed)
    before, direction = ({'snr_wm': 30.0}, 'simulate') if simulated else (GOOD, 'enhance')
    verdict = judge(before | changed, direction)
    assert verdict.level == level
    assert bool(verdict.reasons) == (level != 'usable')


def test_the_worst_decides_and_comes_first():
    verdict = judge(GOOD | {'snr_wm': 5.0}, 'enhance', [('failed', 'it was killed')])
    assert verdict.level == 'failed'
    assert verdict.reasons[0] == 'it was killed'
    assert len(verdict.reasons) == 2


def test_a_warning_is_a_reason_to_look_and_no_more():
    notes = [Note('Field strength 0.064 T from the sidecar.'), warning('the mask has holes.')]
    verdict = judge(GOOD, 'enhance', warned(notes))
    assert verdict == Verdict('look', ('the mask has holes.',))
    assert judge(GOOD, 'enhance', warned(notes[:1])).level == 'usable'
