"""Are brain mask and tissues plausible? What is not is said, and never stops a scan."""

import itertools

import numpy as np
from scipy import ndimage

from ulfprep.physics import TISSUES
from ulfprep.physics.types import Numbers

#: Brain volumes that need no word, ml; adults', outer CSF included.
PLAUSIBLE = (900.0, 1900.0)
#: Pieces beside the largest, and holes, that are large enough for a word, ml.
LARGE_PIECE = 5.0
#: Radius of the ball whose sections tell a brain that ends at a border from one cut off, mm.
RADIUS = 80.0
#: Section in which brain stem and cord may leave at the bottom, mm^2.
STEM = 1500.0
#: Share of a mask that falls on it when mirrored, below which it is called asymmetric.
SYMMETRIC = 0.9
#: Share of a mask that should show signal.
FOREGROUND = 0.8
#: Both ends of each axis in RAS order.
SIDES = (('left', 'right'), ('posterior', 'anterior'), ('inferior', 'superior'))
#: Below this share of the brain CSF may be that of the ventricles alone, which lie deep: masks
#: that end at the cortex leave no other.
CSF_AROUND = 0.15


def mask_warnings(mask: np.ndarray, zooms: Numbers, image: np.ndarray | None = None) -> list[str]:
    """Return what is not plausible about a brain mask, not empty, in RAS order; a sentence each.

    A mask that was not made from the scan should lie on its signal: the ``image`` is for that.
    """
    mask, zooms = np.asarray(mask, bool), np.asarray(zooms, float)
    found = []
    volume = mask.sum() * zooms.prod() / 1000
    low, high = PLAUSIBLE
    if not low <= volume <= high:
        found.append(
            f'the brain mask holds {volume:.0f} ml; for adults {low:.0f} to {high:.0f} ml is '
            "plausible. A child's brain may be smaller, and a brain scaled to a template larger; "
            'otherwise look at the mask.'
        )
    found += _borders(mask, zooms) + _pieces(mask, zooms)
    overlap = mirror_symmetry(mask, zooms)
    if overlap < SYMMETRIC:
        found.append(
            f'left and right differ: mirrored at its middle, only {100 * overlap:.0f} % of the '
            'brain mask falls on itself; part of one side may be missing.'
        )
    signal = 1.0 if image is None else _signal(mask, image)
    if signal < FOREGROUND:
        found.append(
            f'only {100 * signal:.0f} % of the brain mask lies where the scan shows signal; it '
            'may belong to another scan or position.'
        )
    return found


def _borders(mask, zooms):
    """Sides of the field of view at which more brain ends than a rounded end explains."""
    found = []
    for axis, names in enumerate(SIDES):
        area = zooms.prod() / zooms[axis]
        # One voxel below its top a ball's section measures 2 pi R t.
        most = 1.5 * 2 * np.pi * RADIUS * zooms[axis]
        for end, name in zip((0, -1), names, strict=True):
            section = np.take(mask, end, axis).sum() * area
            if section > (max(most, STEM) if name == 'inferior' else most):
                found.append(
                    f'the brain mask touches the {name} border of the field of view with '
                    f'{section / 100:.0f} cm2; the brain may be cut off there.'
                )
    return found


def _pieces(mask, zooms):
    unit = zooms.prod() / 1000
    labels, _ = ndimage.label(mask)
    sizes = np.sort(np.bincount(labels.ravel())[1:] * unit)[::-1]
    found = []
    large = sizes[1:][sizes[1:] > LARGE_PIECE]
    if large.size:
        found.append(
            f'the brain mask has {large.size + 1} pieces; beside the largest they hold up to '
            f'{large[0]:.0f} ml.'
        )
    holes = (ndimage.binary_fill_holes(mask) & ~mask).sum() * unit
    if holes > LARGE_PIECE:
        found.append(f'the brain mask has holes of {holes:.0f} ml in all.')
    return found


def mirror_symmetry(mask: np.ndarray, zooms: Numbers) -> float:
    """Largest share of a mask that falls on itself when mirrored left to right.

    The plane is near the centroid, turned up to 20 degrees, however the head was, and moved up to
    9 mm. The volumes about the centroid alone would not tell: where a side is missing the
    centroid moves until they are the same again.
    """
    zooms = np.asarray(zooms, float)
    points = np.argwhere(mask) * zooms
    middle = points.mean(axis=0)
    points = points[:: max(len(points) // 10000, 1)] - middle
    size = np.array(mask.shape)
    best = 0.0
    angles = np.deg2rad(np.arange(-20, 21, 5))
    for yaw, roll, shift in itertools.product(angles, angles, (-9, -6, -3, 0, 3, 6, 9)):
        normal = np.array([np.cos(yaw) * np.cos(roll), np.sin(yaw) * np.cos(roll), np.sin(roll)])
        beyond = points @ normal - shift
        mirrored = points - 2 * beyond[:, None] * normal
        at = np.rint((mirrored + middle) / zooms).astype(int)
        within = ((at >= 0) & (at < size)).all(axis=1)
        best = max(best, float(mask[tuple(at[within].T)].sum() / len(points)))
    return best


def _signal(mask, image):
    """Share of a mask that lies where the image shows any signal."""
    from skimage.filters import threshold_otsu

    image = np.asarray(image, np.float32)
    # Half of it: Otsu's own threshold may part bright scalp from dark brain.
    signal = image > 0.5 * threshold_otsu(image)
    signal = ndimage.binary_fill_holes(ndimage.binary_closing(signal, iterations=2))
    return float(signal[mask].mean())


def misplaced(probs: np.ndarray, mask: np.ndarray, zooms: Numbers) -> str:
    """Say what is wrong with where the tissues lie; nothing where nothing is.

    Tissues are told by their brightness, in the order that the sequence makes. Where that order
    is wrong they change places, and cortex is called white matter. Wherever their rim is drawn,
    in 17 heads the white matter lies deeper in the brain than the grey, and deeper than
    CSF that surrounds the brain as well.
    """
    # A mask that reaches the edge of the field of view has a rim there too.
    padded = np.pad(np.asarray(mask, bool), 1)
    depth = ndimage.distance_transform_edt(padded, sampling=zooms)[1:-1, 1:-1, 1:-1]
    shares = np.asarray(probs, float) * mask
    totals = shares.sum(axis=(1, 2, 3))
    depths = (shares * depth).sum(axis=(1, 2, 3)) / np.maximum(totals, 1e-9)
    depths[totals == 0] = np.nan  # a tissue that is not there lies neither deeper nor less deep
    csf, gm, wm = depths
    csf_around = totals[0] > CSF_AROUND * max(mask.sum(), 1)
    if not (gm > wm or (csf > wm and csf_around)):
        return ''
    told = ', '.join(f'{t} {d:.1f} mm' for t, d in zip(TISSUES, depths, strict=True))
    return (
        'the tissues do not lie where those of a brain do (mean depth under its rim: '
        f'{told}; WM is the deepest): their order of brightness is not the one of the image. '
        'Check its suffix and sidecar, or state its sequence with --source-sequence.'
    )
