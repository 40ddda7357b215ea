"""Brain mask and bias field of a conformed scan: found, or as they are given."""

from dataclasses import dataclass

import numpy as np

from ulfprep.note import Note, warning
from ulfprep.physics.grid import Grid
from ulfprep.physics.interpolation import carry_mask
from ulfprep.physics.spikes import spikes_in_words, without_spikes
from ulfprep.physics.types import Numbers
from ulfprep.segmentation import brain
from ulfprep.segmentation.checks import mask_warnings


@dataclass(frozen=True)
class Volume:
    """An image that other software or the user made of the scan, on any grid.

    Attributes
    ----------
    data : numpy.ndarray, shape (X, Y, Z)
    grid : Grid
    name : str
        What it is called in messages.
    note : str
        Where it is from, a sentence.
    """

    data: np.ndarray
    grid: Grid
    name: str
    note: str = ''


def is_stripped(
    data: np.ndarray,
    zooms: Numbers,
    expected: Numbers | None = None,
    said: bool | None = None,
    said_by: str = '',
) -> tuple[bool, Note]:
    """Decide whether a scan came without its skull, and say why.

    Parameters
    ----------
    data : numpy.ndarray, shape (X, Y, Z)
    zooms : sequence of float
        Voxel size, mm.
    expected : sequence of float, optional
        Signals of CSF, GM, WM that it should show.
    said : bool, optional
        What sidecar or user say. The image goes before a sidecar that calls a head stripped.
    said_by : str
        The option by which the user says it; empty for the sidecar.
    """
    if said is None:
        stripped, reason = brain.looks_stripped(data, zooms, expected)
        return bool(stripped), Note(reason)
    if said_by:
        state = 'stripped already' if said else 'a head with its skull'
        return said, Note(f'Taken as {state}, as asked with {said_by}.')
    if said and brain.shows_a_head(data, zooms):
        return False, warning(
            'its sidecar says SkullStripped: true, but there is more signal than a brain has: '
            'taken as a head with its skull. If it has none, say --skull-strip skip.'
        )
    return said, Note(f'Its sidecar says SkullStripped: {str(said).lower()}.')


def find_brain(
    data: np.ndarray,
    grid: Grid,
    stripped: bool,
    expected: Numbers | None = None,
    given: Volume | None = None,
) -> tuple[np.ndarray, list[Note]]:
    """Return the brain mask of a scan, shape (X, Y, Z): a given one, or found in the image.

    Raises
    ------
    ValueError
        If what it holds is no brain's worth.
    """
    if given is None:
        mask = brain.brain_mask(data, grid.zooms, stripped, expected)
        return mask, [warning(text) for text in mask_warnings(mask, grid.zooms)]
    mask = carry_mask(given.data, given.grid, grid)
    brain.check_volume(mask, grid.zooms, f'{given.name} does not fit this scan')
    contradictions = mask_warnings(mask, grid.zooms, data)
    return mask, [Note(given.note), *map(warning, contradictions)]


@dataclass(frozen=True)
class Corrected:
    """A scan without its bias field.

    Attributes
    ----------
    data, field : numpy.ndarray, shape (X, Y, Z)
        The scan divided by the field, and the field.
    given_used : bool
        Whether the field is that of a given image.
    notes : list of Note
    """

    data: np.ndarray
    field: np.ndarray
    given_used: bool
    notes: list[Note]


def without_bias(
    data: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    expected: Numbers | None = None,
    given: Volume | None = None,
) -> Corrected:
    """Correct the bias field: as other software found it, or by its own measure (N4).

    See :func:`ulfprep.segmentation.given.divided_field` and
    :func:`ulfprep.segmentation.bias.correct_bias`.
    """
    from ulfprep.segmentation.bias import correct_bias

    # Once the brain is known, fat no longer says what is bright.
    data, spikes = without_spikes(data, mask)
    notes = [Note(text) for text in spikes_in_words(spikes)]
    field = None
    if given is not None:
        field, note = _given_field(data, mask, grid, given)
        notes.append(note)
    if field is not None:
        return Corrected((data / field).astype('float32'), field, True, notes)
    corrected, field = correct_bias(data, mask, grid.zooms, expected=expected)
    return Corrected(corrected, field, False, notes)


def _given_field(data, mask, grid, given: Volume):
    """Return the field that a given image was divided by, None if it was not, and a note."""
    from ulfprep.segmentation.given import NoFieldError, divided_field

    try:
        field = divided_field(data, mask, grid, given.data, given.grid)
    except NoFieldError as error:
        text = f'the bias field was not taken from {given.name} but measured: {error}.'
        return None, warning(text)
    text = (
        f'The bias field is that between the scan and {given.name} (--derivatives); every voxel '
        "is still the scan's own, divided by it."
    )
    return field, Note(text)
