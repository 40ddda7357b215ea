"""A coarse scan of the MNI152 template that was moved and stretched by a known affine."""

from functools import cache
from types import SimpleNamespace

import numpy as np
from scipy import ndimage

from ulfprep.physics.grid import Grid
from ulfprep.segmentation.template import load_template

ZOOMS = (2.5, 2.5, 5.0)


def known_affine():
    """World of the scan to that of the template: turned, stretched and moved."""
    tilt, turn = np.deg2rad(10), np.deg2rad(-7)
    nod, shake = np.eye(3), np.eye(3)
    nod[1:, 1:] = [[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]]
    shake[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    matrix = np.eye(4)
    matrix[:3, :3] = nod @ shake @ np.diag([0.95, 1.08, 1.03])
    matrix[:3, 3] = (9.0, -14.0, 12.0)
    return matrix


@cache
def scan_of_template():
    """Return image, mask, grid and affine; its contrast is not the template's."""
    template, grey, white, where = load_template()
    matrix = known_affine()
    affine = np.diag([*ZOOMS, 1.0])
    shape = (76, 88, 42)
    middle = np.linalg.inv(matrix) @ [0.0, -18.0, 5.0, 1.0]
    affine[:3, 3] = middle[:3] - np.array(ZOOMS) * (np.array(shape) - 1) / 2
    index = np.linalg.inv(where.affine) @ matrix @ affine
    gm, wm, brain = (
        ndimage.affine_transform(v, index[:3, :3], index[:3, 3], shape, order=1)
        for v in (grey, white, (template > 0).astype(np.float32))
    )
    mask = ndimage.binary_fill_holes(brain > 0.5)
    clean = 60 * np.clip(1 - gm - wm, 0, 1) + 220 * gm + 260 * wm
    noise = np.random.default_rng(0).normal(0, 12, shape)
    image = np.where(mask, clean + noise, 0).astype(np.float32)
    return SimpleNamespace(image=image, mask=mask, grid=Grid(shape, affine), matrix=matrix)
