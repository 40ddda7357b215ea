"""Which motions between two scans are believed."""

import numpy as np
import pytest

from ulfprep.physics import registration
from ulfprep.physics.registration import MOST_ROTATION, Registration

NAMES = ('the T2w', 'the T1w')


def found(monkeypatch, same_contrast=True, **changes):
    """Return what becomes of a registration that was found so."""
    known = {
        'transform': np.eye(4), 'rotation_deg': 3.0, 'translation_mm': 4.0,
        'similarity_before': 0.7, 'similarity_after': 0.9, 'ok': True,
    } | changes  # fmt: skip
    monkeypatch.setattr(registration, 'register_rigid', lambda *a, **k: Registration(**known))
    return registration.find_motion((), (), names=NAMES, same_contrast=same_contrast)


def test_a_motion_that_makes_scans_alike_is_believed(monkeypatch):
    got = found(monkeypatch)
    assert (got['name'], got['reference']) == NAMES
    assert (got['rotation_deg'], got['translation_mm']) == (3.0, 4.0)
    assert (got['measure'], got['similarity_after']) == ('correlation', 0.9)


def test_headers_that_nothing_betters_are_as_good_as_can_be(monkeypatch):
    got = found(monkeypatch, ok=False, reason='no position is better', similarity_after=0.6)
    assert (got['rotation_deg'], got['translation_mm']) == (0.0, 0.0)
    assert got['similarity_after'] == 0.7


def test_a_motion_that_no_head_makes_is_refused(monkeypatch):
    far = {'rotation_deg': MOST_ROTATION + 1, 'ok': False, 'reason': 'it is not believed'}
    with pytest.raises(
        registration.RegistrationError, match='the T2w .* the T1w: it is not believed'
    ):
        found(monkeypatch, **far)


def test_brains_that_do_not_look_alike_are_not_one_brain(monkeypatch):
    unlike = {'similarity_before': 0.3, 'similarity_after': 0.4}
    with pytest.raises(registration.RegistrationError, match=r'correlate by 0\.40'):
        found(monkeypatch, **unlike)
    # Mutual information has another scale.
    assert found(monkeypatch, same_contrast=False, **unlike)['measure'] == 'mutual information'
