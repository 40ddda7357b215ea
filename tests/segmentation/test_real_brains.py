"""The default mask on real heads, as scanned and as 64 mT would show them."""

import brains
import heads
import numpy as np
import pytest
from scipy import ndimage

from ulfprep.physics.grid import Grid
from ulfprep.physics.interpolation import acquired_grid, bicubic, carry_mask
from ulfprep.segmentation.brain import brain_mask, looks_stripped, shows_a_head
from ulfprep.segmentation.checks import mask_warnings

pytestmark = pytest.mark.realdata
LOW_FIELD = (1.6, 1.6, 5.0)
SESSION = 'ulf64mt_lowgan_bids/sub-MS017/ses-ulf/anat/sub-MS017_ses-ulf'


@pytest.fixture(scope='module')
def lowgan():
    """Return image, voxel size, affine and mask of the T1w, T2w and FLAIR of one session."""

    def scan(modality):
        image, zooms, affine = brains.load(f'{SESSION}_{modality}.nii.gz')
        mask = brain_mask(image, zooms, False, brains.SIGNALS[modality])
        return image, zooms, affine, mask

    return {modality: scan(modality) for modality in ('T1w', 'T2w', 'FLAIR')}


def test_the_brain_of_a_high_field_head_is_found():
    head, brain, _ = heads.high_field_head('aomic')
    assert shows_a_head(head, (1.0, 1.0, 1.0))
    assert not shows_a_head(np.where(brain, head, 0), (1.0, 1.0, 1.0))
    mask = brain_mask(head, (1.0, 1.0, 1.0), stripped=False)
    assert heads.dice(mask, brain) > 0.95
    assert mask_warnings(mask, (1.0, 1.0, 1.0), head) == []


@pytest.mark.parametrize('name', ['aomic', 'colin'])
def test_the_brain_of_a_low_field_head_is_found_under_a_strong_receive_field(name):
    head, brain = heads.scanned_head(name)
    assert not looks_stripped(head, LOW_FIELD)[0]
    mask = brain_mask(head, LOW_FIELD, stripped=False)
    assert heads.dice(mask, brain) > 0.93
    said = [text for text in mask_warnings(mask, LOW_FIELD, head) if 'holds' not in text]
    assert said == []


@pytest.mark.parametrize('modality', ['T1w', 'T2w', 'FLAIR'])
def test_masks_of_a_real_low_field_session_are_plausible(lowgan, modality):
    image, zooms, _, mask = lowgan[modality]
    assert mask_warnings(mask, zooms, image) == []


@pytest.mark.parametrize(('modality', 'least'), [('T2w', 0.94), ('FLAIR', 0.92)])
def test_masks_of_one_session_agree_but_for_the_heads_own_motion(lowgan, modality, least):
    """The patient moved by about 5 mm between the scans; nothing here registers them."""
    *_, its, source = lowgan['T1w']
    _, zooms, affine, mask = lowgan[modality]
    target = Grid(mask.shape, affine)
    best = 0.0
    for y in range(-2, 7, 2):
        for z in range(-2, 7, 2):
            moved = its.copy()
            moved[1:3, 3] -= (y, z)
            carried = carry_mask(source, Grid(source.shape, moved), target)
            best = max(best, heads.dice(carried, mask))
    assert best > least


def test_a_stripped_low_field_scan_keeps_its_own_outline():
    image, zooms, affine = brains.load('ulf64mt_stripped/MRI_mT_sub2.nii.gz')
    grid = Grid(image.shape, affine)
    coarse = acquired_grid(grid, LOW_FIELD)
    scan = bicubic(image, grid, coarse) * (bicubic((image != 0) * 1.0, grid, coarse) > 0.5)
    assert looks_stripped(scan, coarse.zooms)[0]
    mask = brain_mask(scan, coarse.zooms, stripped=True)
    assert heads.dice(mask, ndimage.binary_fill_holes(scan > 0)) > 0.99
