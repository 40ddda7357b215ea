"""The trained network as it is used: its slabs, its bytes, and what the scans make of its word."""

import brains
import numpy as np
import pytest
import torch

from ulfprep.physics import TISSUES
from ulfprep.physics.grid import Grid, isotropic_grid
from ulfprep.physics.interpolation import carry
from ulfprep.physics.noise import NoiseEstimate
from ulfprep.segmentation import inference
from ulfprep.segmentation.inference import (
    class_shares,
    part_shares,
    tissue_sums,
)
from ulfprep.segmentation.learned import learned_tissues
from ulfprep.segmentation.network import CLASSES, read_network, weights_file
from ulfprep.segmentation.tissue import Run, segment

VOXEL = (1.6, 1.6, 5.0)


@pytest.fixture(scope='module')
def net():
    return read_network(weights_file())


@pytest.fixture(scope='module')
def ball():
    """Return a T1w of nested balls on 1 mm, its mask and grid."""
    shape = (48, 96, 40)
    at = [(np.arange(n) - (n - 1) / 2) / (n / 2 - 2) for n in shape]
    radius = np.sqrt(at[0][:, None, None] ** 2 + at[1][:, None] ** 2 + at[2] ** 2)
    image = np.select([radius < 0.25, radius < 0.7, radius < 0.9, radius < 1], [30, 100, 80, 30])
    return image.astype(np.float32), radius < 1, Grid(shape, np.eye(4))


def shares_of(net, ball):
    image, mask, grid = ball
    shares = np.zeros((len(CLASSES), *mask.shape), np.float32)
    run = Run(image, mask, grid, 100.0, NoiseEstimate(1.0, ''), (1.0, 1.0, 1.0))
    shares[:, mask] = class_shares(net, {'T1w': run}, grid, mask)
    return shares


def test_the_same_bytes_for_any_number_of_threads(net, ball):
    found, before = [], torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(shares_of(net, ball).tobytes())
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    assert found[0] == found[1]


def test_slabs_are_joined_without_a_seam(net, ball, monkeypatch):
    whole = shares_of(net, ball)
    monkeypatch.setattr(inference, 'MOST_VOXELS', 48 * 64 * 40)
    monkeypatch.setattr(inference, 'OVERLAP', 16)
    assert len(list(inference._slabs(ball[1].shape))) > 1
    cut = shares_of(net, ball)
    for shares in (whole, cut):
        assert np.allclose(shares.sum(axis=0), ball[1], atol=1e-5)
    # Normalisation sees another volume; where slabs meet nothing else may happen.
    steps = np.abs(np.diff(cut - whole, axis=2)).mean(axis=(0, 1, 3))
    assert steps.max() < 5 * np.median(steps) + 1e-3


def test_every_plane_of_a_volume_has_the_weight_one_in_all_slabs(monkeypatch):
    monkeypatch.setattr(inference, 'MOST_VOXELS', 100)
    for n in (20, 96, 97, 200, 331):
        total = np.zeros(n)
        for start, stop, weight in inference._slabs((10, n, 10)):
            total[start:stop] += weight
        assert np.allclose(total, 1)


def test_a_higher_temperature_is_less_sure():
    classes = np.zeros((len(CLASSES), 2), np.float32)
    classes[list(CLASSES).index('cortex')] = (0.9, 0)
    classes[list(CLASSES).index('other')] = (0.1, 0)
    cold, warm = (part_shares(classes, t) for t in (1.0, 2.0))
    assert np.allclose(cold[:, 0], (0.1, 0.9, 0, 0, 0))
    assert 0.5 < warm[1, 0] < 0.9
    assert not warm[:, 1].any()


def test_each_class_counts_for_one_tissue():
    each = np.eye(len(CLASSES), dtype=np.float32)
    tissues = tissue_sums(part_shares(each)).argmax(axis=0)
    wanted = [TISSUES.index(tissue or 'CSF') for tissue in CLASSES.values()]
    assert tissues.tolist() == wanted


@pytest.mark.realdata
class TestBrains:
    """Brains whose labels nobody trained on, seen as 64 mT shows them by other means than ours."""

    @staticmethod
    def run(modality='T1w', seed=0):
        clean, mask, _ = brains.scanned('aomic', VOXEL, modality)
        affine = np.diag([*VOXEL, 1.0])
        affine[:3, 3] = np.divide(VOXEL, 2) - 0.5
        noisy = brains.noisy(clean, 1 / 14, seed, mask)
        scan = Grid(clean.shape, affine)
        signals = brains.SIGNALS[modality]
        return Run(
            noisy,
            mask,
            scan,
            1.0,
            NoiseEstimate(1 / 14, ''),
            VOXEL,
            modality=modality,
            expected=signals,
        )

    @staticmethod
    def dice(shares, run):
        _, labels = brains.low_field_brain('aomic')
        where = isotropic_grid(run.grid)
        truth = carry(labels.astype(np.float32), Grid(labels.shape, np.eye(4)), where, order=0)
        found = np.where(shares.sum(axis=0) > 0, shares.argmax(axis=0) + 1, 0)
        return [
            2 * ((found == k) & (truth == k)).sum() / ((found == k).sum() + (truth == k).sum())
            for k in (1, 2, 3)
        ]

    def test_a_thick_t1w_is_segmented_better_than_from_itself_alone(self):
        run = self.run()
        learned = learned_tissues([run])
        alone = segment(run.image, run.mask, VOXEL, expected=run.expected)
        after, before = self.dice(learned.fine, run), self.dice(alone.fine, run)
        assert np.mean(after) > np.mean(before)
        assert learned.unmixed
        # Cortex next to sulci is measured up to a tenth too dark.
        assert abs(learned.means[1] / learned.means[2] - 0.82) < 0.1
        assert np.allclose(learned.probs.sum(axis=0)[run.mask], 1, atol=1e-4)

    def test_three_contrasts_tell_more_than_one(self):
        runs = [self.run(modality, seed) for seed, modality in enumerate(('T1w', 'T2w', 'FLAIR'))]
        one, three = learned_tissues(runs[2:]), learned_tissues(runs)
        assert np.mean(self.dice(three.fine, runs[0])) > np.mean(self.dice(one.fine, runs[0]))
