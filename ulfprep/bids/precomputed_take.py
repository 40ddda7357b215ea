"""What is taken for a scan of what other software made: the best of several folders."""

import dataclasses
from pathlib import Path

from ulfprep.bids.dataset import Scan
from ulfprep.bids.precomputed import WORDS, DerivativesError, Precomputed, dataset_names
from ulfprep.bids.precomputed_find import find_pieces


def with_derivatives(scans: list[Scan], folders: tuple[Path, ...]) -> list[Scan]:
    """Give every scan what there is of it in folders of derivatives, by name.

    What is in the files is looked at later
    (:func:`ulfprep.bids.precomputed_read.check_precomputed`). The folder named first goes before
    the others, and a mask that the scan has already before all. What there is not is computed as
    ever. A choice that is not clear costs its scan alone.

    Parameters
    ----------
    scans : list of Scan
    folders : tuple of Path
        BIDS derivatives or FreeSurfer subjects folders.

    Returns
    -------
    list of Scan
        With ``precomputed``, ``mask`` and ``mask_note`` where a mask was found, and ``problem``
        where it is not clear which file is meant.

    Raises
    ------
    DerivativesError
        If a folder holds nothing for any of the scans.
    """
    names = dataset_names(folders)
    found = {
        name: [find_pieces(scan, folder, name) for scan in scans] for name, folder in names.items()
    }
    for name, folder in names.items():
        if not any(one.pieces or one.problem for one in found[name]):
            why = next((note for one in found[name] for note in one.notes), '')
            raise DerivativesError(
                f'{folder}: nothing there is of use to any of the {len(scans)} selected scan(s): '
                'no brain mask, tissues or bias-corrected image (BIDS derivatives such as '
                f'sub-{scans[0].subject}/**/anat/*_dseg.nii.gz in the space of the scan, or a '
                f'FreeSurfer subjects folder). {why and why + " "}Leave it out, or name another '
                '(--derivatives)'
            )
    return [_given(scan, [found[name][n] for name in names]) for n, scan in enumerate(scans)]


def _given(scan: Scan, finds: list[Precomputed]) -> Scan:
    """Return a scan with the best of what was found of it."""
    notes = [note for one in finds for note in one.notes]
    problem = next((one.problem for one in finds if one.problem), '')
    chosen = {}
    for what in WORDS:
        piece = next((p for p in (getattr(one, what) for one in finds) if p), None)
        if what == 'mask' and scan.mask and piece:
            notes.append(f'Not taken: {piece.name}; --brain-mask goes before it.')
            piece = None
        chosen[what] = piece
    if piece := chosen['tissues']:
        notes.append(f'Tissues were not segmented but taken from {piece.name} (--derivatives).')
    given = Precomputed(**chosen, notes=tuple(dict.fromkeys(notes)), problem=problem)
    mask, note = scan.mask, scan.mask_note
    if piece := chosen['mask']:
        mask = piece.paths[0]
        note = f'Brain mask, brought onto the grid of the scan: {piece.name} (--derivatives).'
    return dataclasses.replace(
        scan, precomputed=given, mask=mask, mask_note=note, problem=scan.problem or problem
    )
