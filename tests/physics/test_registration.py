"""Motion between two scans is found again."""

import numpy as np
import pytest
from scipy import ndimage

from ulfprep.physics import ForwardModel, Grid, registration
from ulfprep.physics.acquisition import add_rician_noise
from ulfprep.physics.grid import resized_grid
from ulfprep.physics.registration import (
    MOST_ROTATION,
    Registration,
    RegistrationError,
    find_motion,
    register_rigid,
)

AXIAL, CORONAL = (1.6, 1.6, 5.0), (1.6, 5.0, 1.6)
#: Signals of background, surface and core.
T1W, T2W = (0.0, 60.0, 100.0), (0.0, 160.0, 100.0)


def world(shape, zoom):
    affine = np.diag([zoom, zoom, zoom, 1.0])
    affine[:3, 3] = -zoom * (np.array(shape) - 1) / 2
    return Grid(shape, affine)


FINE = world((100, 110, 90), 1.5)


@pytest.fixture(scope='module')
def labels():
    """Return a head-like body without symmetry: 0 outside, 1 surface, 2 core."""
    x, y, z = np.meshgrid(*[FINE.affine[a, 3] + 1.5 * np.arange(n)
                            for a, n in enumerate(FINE.shape)], indexing='ij')  # fmt: skip
    body = (x / 58) ** 2 + (y / 68) ** 2 + (z / 52) ** 2 < 1
    body &= ~((z < -20) & (y < 0))
    waves = 6 * np.sin(x / 9) + 6 * np.cos(y / 8 + z / 12)
    core = (x / 58) ** 2 + (y / 68) ** 2 + (z / 52) ** 2 < (0.75 + waves / 80) ** 2
    hole = (x - 12) ** 2 + y**2 + (z - 8) ** 2 < 14**2
    return np.where(body, np.where(core & ~hole, 2, 1), 0)


def motion(angle, axis, shift):
    axis = np.array(axis) / np.linalg.norm(axis)
    cross = np.cross(np.eye(3), axis)
    a = np.radians(angle)
    matrix = np.eye(4)
    matrix[:3, :3] = np.eye(3) - np.sin(a) * cross + (1 - np.cos(a)) * cross @ cross
    matrix[:3, 3] = shift
    return matrix


def scan(labels, voxel, signals, seed, moved=None):
    """Scan a head that has moved: image, mask, grid."""
    volume = np.array(signals, np.float32)[labels]
    mask = (labels > 0).astype(np.float32)
    if moved is not None:
        back = np.linalg.inv(FINE.affine) @ np.linalg.inv(moved) @ FINE.affine
        volume, mask = (
            ndimage.affine_transform(v, back[:3, :3], back[:3, 3], order=1) for v in (volume, mask)
        )
    grid = resized_grid(FINE, voxel)
    model = ForwardModel.between(grid, FINE, voxel, np.ones(3))
    noisy = add_rician_noise(model.acquire(volume), 7.0, np.random.default_rng(seed))
    return noisy, model.acquire(mask) > 0.5, grid


def error(found, moved):
    """Angle (degrees) and shift of the middle (mm) that are left."""
    left = found.transform @ moved
    cosine = (np.trace(left[:3, :3]) - 1) / 2
    return np.degrees(np.arccos(np.clip(cosine, -1, 1))), np.linalg.norm(left[:3, 3])


@pytest.mark.parametrize(('voxel', 'signals', 'same'), [(CORONAL, T1W, True), (AXIAL, T2W, False)])
def test_motion_of_a_few_degrees_is_found(labels, voxel, signals, same):
    moved = motion(3, (1, -1, 2), (1.5, -2, 3))
    fixed = scan(labels, AXIAL, T1W, 0)
    found = register_rigid(*scan(labels, voxel, signals, 1, moved), *fixed, same_contrast=same)
    assert found.ok
    assert not found.reason
    angle, shift = error(found, moved)
    # This body is nearly round, and tells less of its angle than a brain does.
    assert angle < 0.8
    assert shift < 0.3
    assert found.similarity_after > found.similarity_before
    assert found.rotation_deg == pytest.approx(3, abs=0.8)
    assert found.translation_mm == pytest.approx(np.linalg.norm((1.5, -2, 3)), abs=0.3)


@pytest.mark.parametrize(
    ('voxel', 'angle', 'why'), [(CORONAL, 0, 'headers'), (AXIAL, 40, '')], ids=['none', 'too much']
)
def test_no_motion_and_too_much_of_it_leave_the_headers_as_they_are(labels, voxel, angle, why):
    moved = motion(angle, (0, 0, 1), (0, 0, 0)) if angle else None
    fixed = scan(labels, AXIAL, T1W, 0)
    found = register_rigid(*scan(labels, voxel, T1W, 1, moved), *fixed, same_contrast=True)
    assert not found.ok
    assert found.reason
    assert why in found.reason
    np.testing.assert_array_equal(found.transform, np.eye(4))


def test_the_same_scans_give_the_same_numbers(labels):
    moved = motion(2, (0, 1, 0), (1, 0, 0))
    scans = (*scan(labels, AXIAL, T1W, 1, moved), *scan(labels, AXIAL, T1W, 0))
    one, other = (register_rigid(*scans, same_contrast=True) for _ in range(2))
    np.testing.assert_array_equal(one.transform, other.transform)
    assert one.similarity_after == other.similarity_after


# Which motions are believed

NAMES = ('the T2w', 'the T1w')


def found(monkeypatch, same_contrast=True, **changes):
    """Return what becomes of a registration that was found so."""
    known = {
        'transform': np.eye(4), 'rotation_deg': 3.0, 'translation_mm': 4.0,
        'similarity_before': 0.7, 'similarity_after': 0.9, 'ok': True,
    } | changes  # fmt: skip
    monkeypatch.setattr(registration, 'register_rigid', lambda *a, **k: Registration(**known))
    return find_motion((), (), names=NAMES, same_contrast=same_contrast)


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
    with pytest.raises(RegistrationError, match='the T2w .* the T1w: it is not believed'):
        found(monkeypatch, **far)


def test_brains_that_do_not_look_alike_are_not_one_brain(monkeypatch):
    unlike = {'similarity_before': 0.3, 'similarity_after': 0.4}
    with pytest.raises(RegistrationError, match=r'correlate by 0\.40'):
        found(monkeypatch, **unlike)
    # Mutual information has another scale.
    assert found(monkeypatch, same_contrast=False, **unlike)['measure'] == 'mutual information'
