"""What a sidecar says of the field strength, and what is done for it."""

import pytest

from ulfprep.bids.acquisition import field_strength, resolve_direction
from ulfprep.bids.checks import UnusableScanError


def test_field_strength_of_sidecar_goes_first():
    assert field_strength({'MagneticFieldStrength': 0.064}, None, 'x')[0] == 0.064
    value, note = field_strength({'MagneticFieldStrength': 0.064}, 1.5, 'x')
    assert value == 0.064
    assert '1.5 T' in note
    assert field_strength({}, 0.05, 'x')[0] == 0.05


@pytest.mark.parametrize('value', [None, 0, -3, 'three', True, 64])
def test_no_field_strength_is_refused(value):
    with pytest.raises(UnusableScanError, match='sidecar'):
        field_strength({'MagneticFieldStrength': value}, None, 'sub-01_T1w.nii.gz')


def test_missing_field_strength_names_the_way_out():
    with pytest.raises(UnusableScanError, match='--source-field'):
        field_strength({}, None, 'sub-01_T1w.nii.gz')


@pytest.mark.parametrize(
    ('source', 'target', 'expected'),
    [
        (0.064, None, ('enhance', 3.0)),
        (0.29, None, ('enhance', 3.0)),
        (0.3, None, ('simulate', 0.064)),
        (3.0, None, ('simulate', 0.064)),
        (0.55, 1.5, ('enhance', 1.5)),
        (7.0, 3.0, ('simulate', 3.0)),
    ],
)
def test_direction(source, target, expected):
    assert resolve_direction(source, target, 'x') == expected


def test_same_field_is_refused():
    with pytest.raises(UnusableScanError, match='--target-field'):
        resolve_direction(3.0, 3, 'x')
