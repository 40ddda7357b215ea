"""A fit ends early only where the noise is reached and nothing falls any more."""

import dataclasses

import pytest

from ulfprep.inr import fit_scan, load_fit, save_fit
from ulfprep.inr.fit import at_noise_floor

FALLING = [2.0, 1.5, 1.2, 1.0, 0.9]
LEVEL = [2.0, 1.0, 1.0, 0.9999, 0.9998]


@pytest.mark.parametrize(
    ('total', 'residual', 'patience', 'ends'),
    [
        (LEVEL, 0.99, 3, True),
        (LEVEL, 1.01, 3, False),  # the noise is not reached
        (FALLING, 0.99, 3, False),  # there is still progress
        (LEVEL, 0.99, 0, False),  # early ends were not asked for
        (LEVEL[:3], 0.99, 3, False),  # too soon to tell
        (LEVEL, 0.99, 4, False),  # the first of the last four was a step ahead
        ([2.0, 1.0, 1.3, 1.2, 1.1], 0.99, 3, True),  # worse is no progress
    ],
)
def test_rule(total, residual, patience, ends):
    history = {'total': total, 'residual_rms': [1.5] * (len(total) - 1) + [residual]}
    assert at_noise_floor(history, patience) is ends


def test_a_long_fit_ends_at_the_noise_floor_and_says_so(problem, options, tmp_path):
    # Steps so small that nothing moves.
    still = dataclasses.replace(
        options, epochs=30, patience=2, lattice_rate=1e-9, network_rate=1e-9
    )
    calls = []
    fit = fit_scan(
        *problem.scan, still, seed=7, progress=lambda step, n, terms: calls.append((step, n))
    )
    epochs = len(fit.history['total'])
    assert fit.stopped == 'noise floor'
    assert 2 < epochs < 10
    assert calls[-1] == (fit.history['step'][-1],) * 2, 'progress is not left open'
    save_fit(fit, tmp_path / 'field.pt')
    assert load_fit(tmp_path / 'field.pt').stopped == 'noise floor'
    again = fit_scan(*problem.scan, still, seed=7)
    assert again.history == fit.history


def test_a_fit_that_uses_its_epochs_says_that(fitted):
    assert len(fitted.history['total']) == fitted.options.epochs
    assert fitted.stopped == 'epochs'
    assert fitted.notes == ()
