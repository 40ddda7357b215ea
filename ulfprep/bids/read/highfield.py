"""Images that scans are held against: the high-field image of a person, the target image."""

import dataclasses
import math
import os
from pathlib import Path

from ulfprep.bids.names import ENTITY_NAMES, EXTENSIONS, natural, parse_name, sidecar_of
from ulfprep.bids.read.acquisition import field_of
from ulfprep.bids.read.checks import read_grid
from ulfprep.bids.read.decision import expected_of
from ulfprep.bids.read.nifti import UnusableScanError
from ulfprep.bids.read.sidecars import BrokenSidecarError, Sidecars, read_sidecar, usable_metadata
from ulfprep.bids.task import HighField, Scan, Task
from ulfprep.note import Note
from ulfprep.settings import MODALITIES, Settings

#: An image of the dataset is high-field enough from this share of the target field on.
LEAST_FIELD = 0.5
NOT_ASKED = 'no reference was asked for (--reference)'
FUSED = 'scans that are fitted together (--fuse) are not measured against a reference'


class ReferenceChoiceError(ValueError):
    """One file was named with ``--reference``, for scans of several participants."""


def why_not(task: Task) -> str:
    """Return why an enhanced scan is measured against no reference; empty where it is."""
    if task.highfield is None:
        return NOT_ASKED
    if task.is_fused:
        return FUSED
    found = task.highfield
    if found.problem and found.scan:
        return f'the reference {found.source} could not be used: {found.problem}'
    return found.problem


def other_scan(path: Path, modality: str, source: str = '', stated: dict | None = None) -> Scan:
    """Return an image that scans are held against as a scan, for its preparation.

    It need not be part of a BIDS dataset: ``modality`` is taken where its name does not end in
    one, ``source`` is what it is called in reports (its name without), ``stated`` what its
    sidecars say. Without, the file beside it is read: BrokenSidecarError if that cannot be.
    """
    if stated is None:
        sidecar = sidecar_of(path)
        stated = read_sidecar(sidecar) if os.path.lexists(sidecar) else {}
    metadata, remarks = usable_metadata(stated)
    ending = parse_name(path).suffix
    return Scan(
        path=path,
        entities={'subject': 'reference'},
        metadata=metadata,
        stem='reference',
        source=source or path.name,
        suffix=ending if ending in MODALITIES else modality,
        remarks=remarks,
    )


def with_references(tasks: list[Task], settings: Settings) -> list[Task]:
    """Return tasks, each that is to be enhanced with its reference or why there is none."""
    if settings.reference == 'none':
        return tasks
    enhanced = {t.name for t in tasks if t.direction == 'enhance' and not t.problem}
    people = {task.scan.subject for task in tasks if task.name in enhanced}
    if settings.reference != 'auto' and len(people) > 1:
        raise ReferenceChoiceError(
            f'{settings.reference}: --reference FILE is one image of one participant, and scans '
            'of several are selected; name that one with --participant-label, or use --reference '
            'auto'
        )
    sidecars = Sidecars(settings.bids_dir)
    find = _in_dataset if settings.reference == 'auto' else _named
    given = []
    for task in tasks:
        if task.name in enhanced:
            reference = _checked(find(task, settings, sidecars), settings)
            notes = (*task.notes, *reference.notes)
            task = dataclasses.replace(task, highfield=reference, notes=notes)
        given.append(task)
    return given


def _in_dataset(task: Task, settings: Settings, sidecars: Sidecars) -> HighField:
    """Return the image of a participant that is nearest to the target field."""
    scan, target = task.scan, task.target_field
    least = LEAST_FIELD * target
    candidates = []
    subject = settings.bids_dir / f'sub-{scan.subject}'
    places = (subject / 'anat', *subject.glob('ses-*/anat'))
    for path in (p for place in places for p in place.glob(f'*_{scan.suffix}.nii*')):
        name = parse_name(path)
        sound = name.pairs.keys() <= ENTITY_NAMES.keys() and name.extension in EXTENSIONS
        if path == scan.path or not sound or name.pairs.get('part', 'mag') != 'mag':
            continue
        source = f'bids:raw:{path.relative_to(settings.bids_dir).as_posix()}'
        try:
            other = other_scan(path, scan.suffix, source, sidecars.metadata(path))
        except BrokenSidecarError:
            continue
        strength = field_of(other.metadata)
        if strength is not None and strength >= least:
            distance = round(abs(math.log(strength / target)), 3)
            elsewhere = name.entities.get('session') != scan.session
            candidates.append(((distance, elsewhere, natural(path.name)), other))
    if not candidates:
        return HighField(
            problem=f'the dataset holds no {scan.suffix} image of sub-{scan.subject} at '
            f'{least:g} T or more, by their sidecars'
        )
    candidates.sort(key=lambda one: one[0])
    found, *others = (other for _, other in candidates)
    note = f'High-field reference: {found.source} ({field_of(found.metadata):g} T)'
    if others:
        names = ', '.join(other.path.name for other in others)
        note += f', the nearest to the target; not used: {names}'
    return _noted(found, f'{note}.')


def _named(task: Task, settings: Settings, sidecars: Sidecars) -> HighField:
    """Return the file that was named, for a scan of its modality."""
    path, suffix = Path(settings.reference), task.scan.suffix
    if parse_name(path).suffix in {*MODALITIES} - {suffix}:
        return HighField(problem=f'the reference {path.name} is no {suffix} image')
    inside = path.is_relative_to(settings.bids_dir)
    source = f'bids:raw:{path.relative_to(settings.bids_dir).as_posix()}' if inside else path.name
    try:
        stated = sidecars.metadata(path) if inside else None
        scan = other_scan(path, suffix, source, stated)
    except BrokenSidecarError:
        empty = HighField(other_scan(path, suffix, source, {}))
        return empty.without('its sidecar cannot be read')
    strength = field_of(scan.metadata)
    told = f'{strength:g} T' if strength else 'of unknown field strength'
    note = f'High-field reference: {source} ({told}), as asked with --reference.'
    return _noted(scan, note)


def _noted(scan: Scan, text: str) -> HighField:
    """Return an image with how it was chosen, and what is said of its sidecar."""
    remarks = (note.about('the reference') for note in scan.remarks)
    return HighField(scan, (Note(text), *remarks))


def _checked(reference: HighField, settings: Settings) -> HighField:
    """Return a reference with what is wrong with it, as far as header and sidecar tell."""
    if reference.scan is None or reference.problem:
        return reference
    try:
        read_grid(reference.scan.path)
        expected_of(reference.scan, settings.of_another_scanner())
    except (UnusableScanError, ValueError, ArithmeticError) as error:
        said = ' '.join(str(error).split()).replace(f'{reference.scan.path.parent}/', '')
        return reference.without(said.rstrip('.'))
    return reference
