"""The high-field image of the same person that an enhanced scan is measured against."""

import dataclasses
import math
import os
from pathlib import Path

from ulfprep.bids.names import ENTITY_NAMES, EXTENSIONS, natural, parse_name, sidecar_of
from ulfprep.bids.read.acquisition import field_of
from ulfprep.bids.read.checks import read_grid
from ulfprep.bids.read.decision import Decision, decide, expected_of
from ulfprep.bids.read.nifti import UnusableScanError
from ulfprep.bids.read.scan import HighField, Scan
from ulfprep.bids.read.sidecars import BrokenSidecarError, Sidecars, read_sidecar, usable_metadata
from ulfprep.settings import MODALITIES, Settings

#: An image of the dataset is high-field enough from this share of the target field on.
LEAST_FIELD = 0.5
NOT_ASKED = 'no reference was asked for (--reference)'
FUSED = 'scans that are fitted together (--fuse) are not measured against a reference'


class ReferenceChoiceError(ValueError):
    """One file was named with ``--reference``, for scans of several participants."""


def why_not(scan: Scan) -> str:
    """Return why an enhanced scan is measured against no reference; empty where it is."""
    if scan.highfield is None:
        return NOT_ASKED
    if scan.is_fused:
        return FUSED
    found = scan.highfield
    if found.problem and found.path:
        return f'the reference {found.source} could not be used: {found.problem}'
    return found.problem


def with_references(scans: list[Scan], settings: Settings) -> list[Scan]:
    """Return scans, each that is to be enhanced with its reference or why there is none.

    Parameters
    ----------
    scans : list of Scan
    settings : Settings
        With ``reference``: ``none``, ``auto`` or the path of a file.

    Raises
    ------
    ReferenceChoiceError
        If a file was named and there are several participants to enhance scans of.
    """
    if settings.reference == 'none':
        return scans
    decisions = {scan.name: made for scan in scans if (made := _decided(scan, settings))}
    enhanced = [s for s in scans if s.name in decisions]
    sidecars = Sidecars(settings.bids_dir)
    if settings.reference != 'auto':
        path = Path(settings.reference)
        if len({scan.subject for scan in enhanced}) > 1:
            raise ReferenceChoiceError(
                f'{path}: --reference FILE is one image of one participant, and scans of several '
                'are selected; name that one with --participant-label, or use --reference auto'
            )
    found = {}
    for scan in enhanced:
        if settings.reference == 'auto':
            reference = _in_dataset(scan, decisions[scan.name], settings, sidecars)
        else:
            reference = _named(Path(settings.reference), scan, settings)
        found[scan.name] = _checked(reference, settings)
    return [
        dataclasses.replace(scan, highfield=found[scan.name]) if scan.name in found else scan
        for scan in scans
    ]


def _decided(scan: Scan, settings: Settings) -> Decision | None:
    """Return what is done with a scan; None unless it is enhanced."""
    try:
        made = decide(scan, settings)
    except UnusableScanError:  # told by what looks at all scans
        return None
    return made if made.direction == 'enhance' else None


def _in_dataset(scan, made: Decision, settings, sidecars: Sidecars) -> HighField:
    """Return the image of a participant that is nearest to the target field."""
    least = LEAST_FIELD * made.target_field
    candidates = []
    for path in _images(scan, settings.bids_dir):
        try:
            metadata, remarks = usable_metadata(sidecars.metadata(path))
        except BrokenSidecarError:
            continue
        strength = field_of(metadata)
        if path == scan.path or strength is None or strength < least:
            continue
        session = parse_name(path).entities.get('session')
        distance = round(abs(math.log(strength / made.target_field)), 3)
        key = (distance, session != scan.session, natural(path.name))
        candidates.append((key, path, metadata, remarks))
    if not candidates:
        return HighField(
            suffix=scan.suffix,
            problem=f'the dataset holds no {scan.suffix} image of sub-{scan.subject} at '
            f'{least:g} T or more, by their sidecars',
        )
    candidates.sort(key=lambda one: one[0])
    _, path, metadata, remarks = candidates[0]
    source = f'bids:raw:{path.relative_to(settings.bids_dir).as_posix()}'
    note = f'High-field reference: {source} ({field_of(metadata):g} T).'
    if others := [other.name for _, other, *_ in candidates[1:]]:
        note = f'{note[:-1]}, the nearest to the target; not used: {", ".join(others)}.'
    return HighField(path, source, scan.suffix, metadata, (note, *_of_reference(remarks)))


def _images(scan: Scan, bids_dir: Path) -> list[Path]:
    """Return all magnitude images of a scan's participant and modality."""
    folder = bids_dir / f'sub-{scan.subject}'
    found = []
    for pattern in ('anat', 'ses-*/anat'):
        for anat in sorted(folder.glob(pattern)):
            found += [p for p in sorted(anat.glob(f'*_{scan.suffix}.nii*')) if _is_image(p)]
    return found


def _is_image(path: Path) -> bool:
    name = parse_name(path)
    known = set(name.pairs) <= set(ENTITY_NAMES)
    return known and name.extension in EXTENSIONS and name.pairs.get('part', 'mag') == 'mag'


def _named(path: Path, scan: Scan, settings: Settings) -> HighField:
    """Return the file that was named, for a scan of its modality."""
    ending = parse_name(path).suffix
    if ending in MODALITIES and ending != scan.suffix:
        return HighField(
            suffix=scan.suffix, problem=f'the reference {path.name} is no {scan.suffix} image'
        )
    inside = path.is_relative_to(settings.bids_dir)
    source = path.name
    if inside:
        source = f'bids:raw:{path.relative_to(settings.bids_dir).as_posix()}'
    sidecar = sidecar_of(path)
    made = HighField(path, source, scan.suffix)
    try:
        if inside:
            stated = Sidecars(settings.bids_dir).metadata(path)
        else:
            stated = read_sidecar(sidecar) if os.path.lexists(sidecar) else {}
        metadata, remarks = usable_metadata(stated)
    except BrokenSidecarError:
        return made.without('its sidecar cannot be read')
    strength = field_of(metadata)
    told = f'{strength:g} T' if strength else 'of unknown field strength'
    note = f'High-field reference: {source} ({told}), as asked with --reference.'
    notes = (note, *_of_reference(remarks))
    return dataclasses.replace(made, metadata=metadata, notes=notes)


def _of_reference(remarks: tuple[str, ...]) -> list[str]:
    """Return what is said of a sidecar, as said of that of the reference."""
    warning = 'Warning: '
    return [
        f'{warning if remark.startswith(warning) else ""}of the reference: '
        f'{remark.removeprefix(warning)}'
        for remark in remarks
    ]


def _checked(reference: HighField, settings: Settings) -> HighField:
    """Return a reference with what is wrong with it, as far as header and sidecar tell."""
    if reference.path is None or reference.problem:
        return reference
    try:
        read_grid(reference.path)
        expected_of(reference.as_scan(), settings.of_another_scanner())
    except (UnusableScanError, ValueError, ArithmeticError) as error:
        said = ' '.join(str(error).split()).replace(f'{reference.path.parent}/', '')
        return reference.without(said.rstrip('.'))
    return reference
