"""Low-field scans of people who were scanned at high field too."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ulfprep.bids.read.acquisition import field_of
from ulfprep.bids.read.checks import check_image
from ulfprep.bids.read.resolution import decide_resolution
from ulfprep.evaluation.sources import pair_bids, pair_folders, pair_ulfenc
from ulfprep.evaluation.sources.brain import Brain
from ulfprep.evaluation.sources.field import LOW_FIELD
from ulfprep.evaluation.sources.item import read_item
from ulfprep.evaluation.sources.layouts import recognise
from ulfprep.evaluation.sources.pair import Pair
from ulfprep.physics.grid import Grid, covered
from ulfprep.physics.interpolation import acquired_grid, bicubic
from ulfprep.physics.motion import find_motion
from ulfprep.physics.resolution import estimate_resolution
from ulfprep.physics.source_sequence import expected_signals
from ulfprep.segmentation.bias import correct_bias
from ulfprep.segmentation.brain import brain_mask, looks_stripped

#: In the order in which they are looked for. Each has ``find(folder, say)``, which returns the
#: files of its pairs, and ``SHAPE``, its files in words.
#: What is looked for, in words.
WHAT = 'a T1w of low and one of high field of a person'
LAYOUTS = {'bids': pair_bids, 'ulf-enc': pair_ulfenc, 'folders': pair_folders}


def find_pairs(folder, layout: str | None = None, say=print) -> Iterator:
    """Yield the low-field scans of a folder with the high-field images of the same people.

    One scan a person: those of one are not independent. The high-field image becomes a
    brain of 1 mm (:func:`ulfprep.evaluation.sources.brain.make_brain`), is registered rigidly, and
    its lattice is moved into the world of the scan: it is not interpolated again. The scan is
    brought back to its acquired voxels, as the workflow does. A pair that cannot be used or
    registered is said and left out.

    Parameters
    ----------
    folder : Path or str
    layout : str, optional
        Of :data:`LAYOUTS`; the first that fits without.
    say : callable
        Told what is left out and what was assumed, a line each.

    Yields
    ------
    ulfprep.evaluation.trials.Trial
        Of regime ``paired``. Its scan is zero outside the brain, as simulated ones are.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or no pair in it; the message says what was looked for.
    ValueError
        If there is no such layout.
    """
    name, pairs = recognise(Path(folder), LAYOUTS, layout, WHAT, say)
    for pair in pairs:
        try:
            trial = read_pair(pair, name, say)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one costs no other
            say(f'{pair.name} is left out: {" ".join(str(error).split())}')
        else:
            yield trial


def count_pairs(folder, layout: str | None = None) -> int:
    """Return how many pairs :func:`find_pairs` will try to read, without reading any."""
    return len(recognise(Path(folder), LAYOUTS, layout, WHAT, lambda line: None)[1])


def read_pair(pair: Pair, layout: str = '', say=print):
    """Read and register the scans of a pair.

    Parameters
    ----------
    pair : Pair
    layout : str
    say : callable

    Returns
    -------
    ulfprep.evaluation.trials.Trial

    Raises
    ------
    ValueError
        If one of them cannot be used, or they cannot be registered.
    """
    # Those modules import this package.
    from ulfprep.evaluation.cases import Case
    from ulfprep.evaluation.trials import Trial, make_truth

    metadata = told_field(pair.metadata, pair.low, say)
    expected = list(expected_signals(metadata, metadata['MagneticFieldStrength']))
    scan, grid = load_acquired(pair.low, metadata)
    stripped = metadata.get('SkullStripped')
    if not isinstance(stripped, bool):
        stripped, _ = looks_stripped(scan, grid.zooms, expected)
    try:
        mask = brain_mask(scan, grid.zooms, stripped, expected)
    except ValueError as error:
        raise ValueError(f'{pair.low}: {error}') from error
    brain = read_item(pair.high, layout, say)
    even, _ = correct_bias(scan, mask, grid.zooms, expected=expected)
    lattice = moved_lattice(brain, (even, mask, grid), (pair.high.image, pair.low))
    # Where the scan did not look, nothing can be held against it.
    labels = np.where(covered(grid, lattice), brain.labels, 0).astype(np.uint8)
    case = Case(
        'paired', pair.name, None, None, np.where(mask, scan, 0).astype(np.float32), mask, grid,
        labels, lattice, None,
    )  # fmt: skip
    return Trial(
        'paired', case, make_truth(brain.image, labels, lattice), metadata, brain.labels_by
    )


def moved_lattice(brain: Brain, scan: tuple, names) -> Grid:
    """Return where the lattice of a brain lies in the world of a scan.

    Parameters
    ----------
    brain : Brain
    scan : tuple of numpy.ndarray, numpy.ndarray and Grid
        Bias-corrected, its brain mask, and its grid.
    names : tuple of 2 Paths
        Of brain and scan, for the error.

    Returns
    -------
    Grid
        The affine of ``brain.lattice``, moved rigidly.

    Raises
    ------
    ValueError
        If what was found cannot be believed. Where no motion makes the two more alike, the
        headers are as good as can be.
    """
    found = find_motion(
        (brain.image, brain.labels > 0, brain.lattice),
        scan,
        names=names,
        same_contrast=True,
    )
    return Grid(brain.lattice.shape, found['transform'] @ brain.lattice.affine)


def told_field(metadata: dict, path: Path, say=print) -> dict:
    """Return a sidecar of a low-field scan that tells its field strength.

    Parameters
    ----------
    metadata : dict
    path : Path
        Of the scan.
    say : callable
        Told what the sidecar does not say, or says wrongly.

    Returns
    -------
    dict
    """
    stated, field = metadata.get('MagneticFieldStrength'), field_of(metadata)
    field = LOW_FIELD if field is None else field
    if field != stated:
        told = 'no MagneticFieldStrength' if stated is None else f'MagneticFieldStrength {stated}'
        say(f'{path}: its sidecar says {told}; {field:g} T is taken')
    return metadata | {'MagneticFieldStrength': field}


def load_acquired(path: Path, metadata: dict) -> tuple[np.ndarray, Grid]:
    """Read a scan on its acquired voxels, as :class:`ulfprep.interfaces.preprocess.Conform` does.

    Parameters
    ----------
    path : Path
    metadata : dict
        Its sidecar.

    Returns
    -------
    scan : numpy.ndarray, shape (X, Y, Z), float32
        Axes in RAS order.
    grid : Grid

    Raises
    ------
    ValueError
        If the image cannot be used; the message names it.
    """
    import nibabel as nib

    checked = check_image(path)
    image = nib.Nifti1Image(checked.data, checked.affine)
    canonical = nib.as_closest_canonical(image)
    scan = np.asarray(canonical.dataobj, np.float32)
    grid = Grid(scan.shape, canonical.affine)
    axes = nib.io_orientation(image.affine)[:, 0].astype(int)
    estimate = estimate_resolution(scan, grid.zooms)
    decision = decide_resolution(estimate, grid.zooms, metadata, axes)
    coarse = acquired_grid(grid, decision.voxel_size_mm)
    if coarse is None:
        return scan, grid
    # Splines overshoot at the rim of a stripped brain: what was zero stays zero.
    measured = bicubic((scan != 0).astype(np.float32), grid, coarse) > 0.5
    return bicubic(scan, grid, coarse) * measured, coarse
