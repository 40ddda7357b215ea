"""Lesions of a patient, to 64 mT and back: they may not vanish, nor any tissue collapse."""

from types import SimpleNamespace

import brains
import numpy as np
import pytest
from brains import load
from scipy import ndimage

from ulfprep.inr import FitOptions, fit_scan, render
from ulfprep.physics import ForwardModel, Grid
from ulfprep.physics.interpolation import bicubic
from ulfprep.physics.plan import plan_contrast
from ulfprep.physics.simulation import realise, simulate
from ulfprep.physics.source_sequence import expected_signals
from ulfprep.segmentation.learned import segment_learned
from ulfprep.segmentation.tissue import segment

pytestmark = pytest.mark.realdata
#: Lesions from this size on (mm^3) fill most of a voxel of 1.6 x 1.6 x 5 mm ten times.
LARGE = 100


def contrast(image, region, around):
    """Brightness of a region relative to its surroundings, less one."""
    return float(image[region].mean() / image[around].mean() - 1)


@pytest.fixture(scope='module', params=['T1w', 'T2w', 'FLAIR'])
def there_and_back(request):
    modality = request.param
    name = f'hf_ms_patient07/patient07_{modality.removesuffix("w")}.nii.gz'
    image, zooms, affine = load(name)
    lesions = load('hf_ms_patient07/patient07_GOLD.nii.gz')[0] > 0
    mask, grid = ndimage.binary_fill_holes(image > 0), Grid(image.shape, affine)
    high = segment(image, mask, zooms, expected=expected_signals({}, 3.0, modality))
    # The T1w of the same grid tells the tissues apart best.
    plain, _, _ = load('hf_ms_patient07/patient07_T1.nii.gz')
    known = segment(plain, mask & (plain > 0), zooms, expected=expected_signals({}, 3.0, 'T1w'))
    down = plan_contrast(image, mask, high.probs, zooms, {}, 3.0, 0.064, modality=modality)
    simulation = simulate(image, mask, high.probs, grid, down, snr=14)
    low = simulation.grid
    model = ForwardModel.between(low, grid, low.zooms, np.ones(3))
    brain = model.acquire(mask.astype(np.float32)) > 0.5
    scan = realise(simulation, 1) * brain
    expected = expected_signals({}, 0.064, modality)
    tissues = segment_learned(scan, brain, low, expected, modality=modality)
    means = tissues.means if tissues.unmixed else None
    up = plan_contrast(
        scan, brain, tissues.probs, low.zooms, {}, 0.064, 3.0, modality=modality, means=means
    )
    fit = fit_scan(
        scan, brain, tissues.probs, low, up, FitOptions.default(), lattice_probs=tissues.fine
    )
    white = high.probs[2] > 0.9
    around = ndimage.binary_dilation(lesions, iterations=5) & white
    around &= ~ndimage.binary_dilation(lesions, iterations=1)
    labels, n = ndimage.label(lesions)
    sizes = ndimage.sum(lesions, labels, np.arange(1, n + 1))
    return SimpleNamespace(
        modality=modality,
        image=image,
        high=high,
        seen=model.acquire(known.probs)[:, brain],
        tissues=tissues.probs[:, brain],
        enhanced=render(fit, grid),
        bicubic=bicubic(scan, low, grid),
        large=np.isin(labels, 1 + np.flatnonzero(sizes >= LARGE)) & mask,
        around=around,
    )


def test_lesions_keep_more_contrast_than_interpolation_keeps(there_and_back):
    c = there_and_back
    true, plain, ours = (
        contrast(volume, c.large, c.around)
        for volume in (c.image, c.bicubic, c.enhanced.intensity)
    )
    assert abs(true) > 0.1
    assert np.sign(ours) == np.sign(true)
    assert abs(ours) > abs(plain)


def test_no_tissue_collapses_in_a_patient(there_and_back):
    c = there_and_back
    for found, true in zip(c.tissues, c.seen, strict=True):
        assert 0.35 < found.sum() / true.sum() < 1.8
    if c.modality == 'T1w':
        labels, truth = c.tissues.argmax(axis=0), c.seen.argmax(axis=0)
        overlap = [
            2 * ((labels == k) & (truth == k)).sum() / ((labels == k).sum() + (truth == k).sum())
            for k in range(3)
        ]
        assert min(overlap[1:]) > 0.7


def test_none_of_twenty_lesions_vanishes():
    """Balls of 5 to 20 mm in white matter, three quarters as bright, under one fit."""
    image, labels = brains.low_field_brain('aomic')
    fine, voxel = Grid(image.shape, np.eye(4)), (1.6, 1.6, 5.0)
    image, places = image.copy(), []
    room = ndimage.distance_transform_edt(labels == 3)
    where = np.indices(image.shape)
    taken = np.zeros(image.shape, bool)
    for diameter in np.linspace(20, 5, 20):
        free = np.where(taken, 0, np.minimum(room, diameter / 2))
        centre = np.array(np.unravel_index(free.argmax(), free.shape))
        distance = np.sqrt(((where - centre.reshape(3, 1, 1, 1)) ** 2).sum(axis=0))
        ball = (distance <= diameter / 2) & (labels >= 2)
        image[ball] *= 0.75
        places.append((ball, (distance > diameter / 2 + 2) & (distance < diameter / 2 + 8)))
        taken |= distance <= diameter / 2 + 12
    scan, _ = brains.acquire(image, voxel)
    grid = Grid(scan.shape, np.diag([*voxel, 1.0]))
    grid.affine[:3, 3] = np.divide(voxel, 2) - 0.5
    model = ForwardModel.between(grid, fine, voxel, np.ones(3))
    mask = model.acquire((labels > 0).astype(np.float32)) > 0.5
    scan = brains.noisy(scan, 1 / 14, 5, mask)
    tissues = segment_learned(scan, mask, grid, brains.SIGNALS['T1w'])
    plan = plan_contrast(scan, mask, tissues.probs, voxel, {}, 0.064, 3.0, means=tissues.means)
    fit = fit_scan(
        scan, mask, tissues.probs, grid, plan, FitOptions.default(), lattice_probs=tissues.fine
    )
    enhanced, plain = render(fit, fine).intensity, bicubic(scan, grid, fine)
    kept = []
    for ball, ring in places:
        around = ring & (labels == 3)
        kept.append([contrast(v, ball & (labels == 3), around) for v in (enhanced, plain)])
    kept = np.array(kept)
    assert (kept[:, 0] < 0).all(), kept
    assert (kept[:, 0] <= kept[:, 1]).all(), kept
