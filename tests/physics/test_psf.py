"""Profiles of the point-spread function: support, sums on a lattice; widths: test_acquisition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ulfprep.physics.psf import KINDS, RINGING, axis_kinds, profile, reach

QUICK = settings(deadline=None, max_examples=40, derandomize=True)
kinds = st.sampled_from(KINDS)


@QUICK
@given(kinds, st.floats(0.2, 12), st.floats(0.3, 3), st.floats(0, 30))
def test_a_profile_is_even_and_zero_beyond_its_reach(kind, fwhm, spacing, distance):
    here, there = profile(np.array([distance, -distance]), fwhm, kind, spacing)
    assert here == pytest.approx(there, abs=1e-12)
    end = reach(fwhm, kind, spacing)
    assert end > 0
    assert not profile(np.array([end * 1.001, end * 3]), fwhm, kind, spacing).any()


@QUICK
@given(kinds, st.floats(0.5, 12), st.floats(0.2, 5), st.floats(-20, 20))
def test_only_ratios_of_lengths_count(kind, fwhm, unit, distance):
    one = profile(np.array([distance, 0.0]), fwhm, kind, 1.0)
    other = profile(unit * np.array([distance, 0.0]), unit * fwhm, kind, unit)
    np.testing.assert_allclose(one[0] / one[1], other[0] / other[1], atol=1e-9)


@QUICK
@given(st.sampled_from(('slice-profile', 'kspace')), st.floats(1, 12), st.floats(-0.5, 0.5))
def test_weights_on_a_lattice_have_one_sum_wherever_the_centre_lies(kind, fwhm, shift):
    # So that normalising rows changes no width. The pulse is cut, hence the tolerance.
    lattice = np.arange(-60, 61)
    sums = [profile(lattice - s, fwhm, kind).sum() for s in (0.0, shift)]
    assert sums[1] == pytest.approx(sums[0], rel=0.01)


@QUICK
@given(kinds, st.floats(0, 12), st.floats(-3, 3))
def test_only_truncated_k_space_rings(kind, fwhm, shift):
    values = profile(np.arange(-60, 61) - shift, fwhm, kind)
    assert (values.min() < 0) <= (kind == RINGING)


def test_truncated_k_space_has_the_tukey_windows_spectrum():
    x = np.arange(-400, 400) * 0.05
    spectrum = np.abs(np.fft.fft(profile(x, 2.0, 'kspace', 0.05)))
    spectrum /= spectrum[0]
    k = np.abs(np.fft.fftfreq(x.size, 0.05))
    unit = 2.0 / 1.1794  # the pulse's time unit: flat to (1 - b) / 2, zero from (1 + b) / 2
    edge = k * unit
    np.testing.assert_allclose(spectrum[edge < 0.32], 1, atol=0.03)
    np.testing.assert_allclose(spectrum[np.abs(edge - 0.5) < 0.02], 0.5, atol=0.1)
    assert spectrum[edge > 0.69].max() < 0.03


def test_a_slice_is_flat_in_the_middle_and_has_soft_edges():
    x = np.array([0.0, 1.5, 2.5, 3.5])
    flat, still, half, out = profile(x, 5.0, 'slice-profile', 0.01)
    assert still == pytest.approx(flat)
    assert half == pytest.approx(flat / 2)
    assert out == 0


@pytest.mark.parametrize(
    ('fwhm', 'slices'), [((1.6, 1.6, 5), 2), ((5, 1.6, 1.6), 0), ((1, 3, 2), 1), ((2, 2, 2), 2)]
)
def test_slices_lie_across_the_widest_axis(fwhm, slices):
    found = axis_kinds('slice-profile', fwhm)
    assert [k for k in range(3) if found[k] == 'slice-profile'] == [slices]
    assert set(found) == {'slice-profile', 'gaussian'}
    assert axis_kinds('kspace', fwhm) == ('kspace',) * 3


@pytest.mark.parametrize(
    ('function', 'values'),
    [(axis_kinds, ('boxcar', (1, 1, 1))), (profile, (np.zeros(1), 1, 'Box')), (reach, (1, ''))],
)
def test_an_unknown_psf_is_refused(function, values):
    with pytest.raises(ValueError, match='gaussian, slice-profile, kspace'):
        function(*values)
