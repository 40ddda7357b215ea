"""Relaxation times: measurements first, the dispersion law beyond them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ulfprep.physics import TISSUES
from ulfprep.physics.relaxation import PROTON_DENSITY, dispersion_t1, measured, relaxation

QUICK = settings(deadline=None, max_examples=40, derandomize=True)
tissues = st.sampled_from(TISSUES)
fields = st.floats(0.01, 20)


@pytest.mark.parametrize('tissue', TISSUES)
def test_measured_values_are_reproduced(tissue):
    for field, t1 in zip(*measured(tissue, 'T1'), strict=True):
        assert relaxation(tissue, field)[0] == pytest.approx(t1)
    for field, t2 in zip(*measured(tissue, 'T2'), strict=True):
        assert relaxation(tissue, field)[1] == pytest.approx(t2)


def test_measurements_are_seconds_in_order_of_field():
    for tissue in TISSUES:
        strengths, t1 = measured(tissue, 'T1')
        assert np.all(np.diff(strengths) > 0)
        assert np.all((t1 > 0.2) & (t1 < 5))


@QUICK
@given(tissues, fields, fields)
def test_t1_never_falls_with_field(tissue, one, other):
    low, high = sorted((one, other))
    assert relaxation(tissue, low)[0] <= relaxation(tissue, high)[0] * (1 + 1e-9)


@pytest.mark.parametrize('tissue', ['GM', 'WM'])
def test_t1_of_brain_tissue_grows_with_field(tissue):
    t1 = [relaxation(tissue, field)[0] for field in (0.01, 0.064, 0.3, 1.5, 3, 7, 11.7)]
    assert np.all(np.diff(t1) > 0)


@QUICK
@given(tissues, st.sampled_from(['T1', 'T2']), st.floats(0, 1))
def test_between_two_measurements_values_lie_between_them(tissue, quantity, part):
    strengths, values = measured(tissue, quantity)
    for k in range(len(strengths) - 1):
        field = float(strengths[k] ** (1 - part) * strengths[k + 1] ** part)
        value = relaxation(tissue, field)[('T1', 'T2').index(quantity)]
        low, high = sorted(values[k : k + 2])
        assert low * (1 - 1e-9) <= value <= high * (1 + 1e-9)


@QUICK
@given(fields)
def test_tissues_keep_their_order(field):
    t1 = {tissue: relaxation(tissue, field)[0] for tissue in TISSUES}
    assert t1['WM'] < t1['GM'] < t1['CSF']


@pytest.mark.parametrize('tissue', TISSUES)
def test_beyond_the_measurements_the_law_carries_on_without_a_jump(tissue):
    for edge, further in ((0.05, 0.02), (7.0, 11.7)):
        near = relaxation(tissue, edge)[0]
        step = relaxation(tissue, edge * (1 - 1e-6 if further < edge else 1 + 1e-6))[0]
        assert step == pytest.approx(near, rel=1e-4)
        law = dispersion_t1(tissue, further) / dispersion_t1(tissue, edge)
        assert relaxation(tissue, further)[0] / near == pytest.approx(law)


@pytest.mark.parametrize('field', [0.0, -3.0, 0.005, 30.0, float('nan')])
def test_fields_without_known_values_are_an_error(field):
    with pytest.raises(ValueError, match='no relaxation times are known'):
        relaxation('WM', field)


def test_proton_density_is_relative_to_csf():
    assert PROTON_DENSITY['CSF'] == 1
    assert relaxation('GM', 3.0)[2] == PROTON_DENSITY['GM']
    assert PROTON_DENSITY['WM'] < PROTON_DENSITY['GM'] < 1


def test_the_law_alone_would_double_the_t1_contrast_at_64_mt():
    def contrast(wm, gm):
        return (gm - wm) / wm

    law = contrast(dispersion_t1('WM', 0.064), dispersion_t1('GM', 0.064))
    here = contrast(relaxation('WM', 0.064)[0], relaxation('GM', 0.064)[0])
    assert 0.1 < here < 0.3
    assert law > 2 * here


def test_the_law_gives_the_published_white_matter_t1():
    # Rooney et al. 2007: 0.656 s at 1.5 T and 1.22 s at 7 T.
    assert dispersion_t1('WM', 1.5) == pytest.approx(0.656, rel=0.06)
    assert dispersion_t1('WM', 7.0) == pytest.approx(1.22, rel=0.06)
    assert dispersion_t1('CSF', 0.05) == dispersion_t1('CSF', 7.0)
