"""Which scans of a dataset a run is about, and why there are none."""

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from ulfprep.bids.names import (
    EXTENSIONS,
    Name,
    parse_name,
    place_of,
    session_name,
    shorten,
    why_no_name,
)
from ulfprep.bids.read.filters import mismatch
from ulfprep.bids.read.index import NoScansError, anatomical_images, asked_participants
from ulfprep.bids.read.sidecars import BrokenSidecarError, Sidecars, usable_metadata
from ulfprep.bids.task import Scan
from ulfprep.note import warning
from ulfprep.settings import MODALITIES, Settings

#: Files that are looked at where there is no image in its place.
LOOKS = 10_000


@dataclass(frozen=True)
class LeftOut:
    """An anatomical image that is there and not processed; ``reason`` is half a sentence.

    ``subject`` and ``session`` are those of its folders. ``misnamed`` where the reason is its name
    alone, which the user may not know of.
    """

    path: Path
    subject: str
    session: str | None
    reason: str
    misnamed: bool = False


@dataclass(frozen=True)
class Selection:
    """What a run is about, sorted by path, and the other images of the participants asked for."""

    scans: tuple[Scan, ...]
    left_out: tuple[LeftOut, ...] = ()


def find_scans(settings: Settings) -> list[Scan]:
    """Return the scans a run is about; see :func:`select`."""
    return list(select(settings).scans)


def select(settings: Settings) -> Selection:
    """Return the scans a run is about, and what else there is; see :class:`DatasetError`.

    Every image is a scan of its own: nothing is averaged or picked in silence. Phase, real and
    imaginary parts (``part-``) are no scans, and neither is an image whose name is not made of its
    entities (:func:`ulfprep.bids.names.why_no_name`). A scan whose sidecars cannot be read, or
    that is there twice, is one with a ``problem``.
    """
    participants = asked_participants(settings)
    images = anatomical_images(
        settings.bids_dir, participants, settings.bids_database_dir, keep=not settings.dry_run
    )
    sidecars = Sidecars(settings.bids_dir)
    scans: dict[str, Scan] = {}
    left_out = []
    for path in images:
        name, place = parse_name(path), place_of(path, settings.bids_dir)
        if reason := _why_not(name, place, settings):
            left_out.append(LeftOut(path, *place, reason))
        elif problem := why_no_name(name.stem):
            left_out.append(LeftOut(path, *place, problem, misnamed=True))
        elif first := scans.get(name.whole):
            # One scan, and nobody can say which of the files is meant.
            problem = (
                f'{path}: the same scan is there twice, also as {first.path.name}; '
                'remove one of the two'
            )
            scans[name.whole] = replace(first, problem=first.problem or problem)
        else:
            scans[name.whole] = _scan(path, name, settings, sidecars)
    if not scans:
        raise NoScansError(_why_none(settings, participants, left_out))
    return Selection(tuple(scans.values()), tuple(left_out))


def _why_not(name: Name, place: tuple[str, str | None], settings: Settings) -> str:
    """Return why an image is not to be processed; empty if it is."""
    subject, session = place
    if settings.session_label and session not in settings.session_label:
        return 'not of a session that --session-label asks for'
    entities, suffix = name.entities, name.suffix
    if (entities.get('subject'), entities.get('session')) != (subject, session):
        where = session_name(subject, session).replace('_', ', ')
        return f'its name is not that of an image of {where}'
    if suffix not in MODALITIES:
        return f'only {", ".join(MODALITIES)} can be processed'
    if suffix not in settings.modalities:
        return f'not one of --modalities {" ".join(settings.modalities)}'
    if entities.get('part', 'mag') != 'mag':
        return f'part-{entities["part"]} is no image of magnitudes'
    if difference := mismatch(settings.bids_filters, entities, suffix, name.extension):
        return f'--bids-filter-file: {difference}'
    return ''


def _scan(path: Path, name: Name, settings: Settings, sidecars: Sidecars) -> Scan:
    """Return an image as a scan, with what its sidecars say."""
    metadata, remarks, problem = {}, (), ''
    try:
        metadata, remarks = usable_metadata(sidecars.metadata(path))
        remarks += tuple(
            warning(
                f'{other.relative_to(settings.bids_dir)} is not read: BIDS wants the labels of '
                'its folder in its name.'
            )
            for other in sidecars.misplaced(path)
        )
    except BrokenSidecarError as error:
        problem = str(error)
    return Scan(
        path=path,
        entities=name.entities,
        metadata=metadata,
        remarks=remarks,
        stem=name.stem,
        source=f'bids:raw:{path.relative_to(settings.bids_dir).as_posix()}',
        suffix=name.suffix,
        problem=problem,
    )


def _why_none(settings: Settings, participants: list[str], left_out: list[LeftOut]) -> str:
    """Return that no scan of the participants looked at was selected, and why, as one line."""
    suffixes = settings.modalities
    kinds, names = ' or '.join(suffixes), ', '.join(f'anat/*_{s}.nii[.gz]' for s in suffixes)
    wanted = shorten([f'sub-{label}' for label in participants])
    if settings.session_label:
        wanted += f', {shorten([f"ses-{label}" for label in settings.session_label])}'
    reasons = _of_images(left_out, suffixes) or _of_files(settings.bids_dir, participants)
    return f'{settings.bids_dir}: no {kinds} scan ({names}) for {wanted}: {"; ".join(reasons)}'


def _of_images(left_out: list[LeftOut], wanted: tuple[str, ...]) -> list[str]:
    """Return why images were left out: those of the suffixes asked for, and which others are."""
    suffixes = Counter(parse_name(image.path).suffix for image in left_out)
    own: dict[str, list[LeftOut]] = {}
    for image in left_out:
        if parse_name(image.path).suffix in wanted:
            kind = image.reason.partition(':')[0]  # of a filter, whatever it asks for
            own.setdefault('its name' if image.misnamed else kind, []).append(image)
    reasons = [
        f'{len(images)} left out, such as {images[0].path.name}: {images[0].reason}'
        for images in own.values()
    ]
    if others := [suffix for suffix in suffixes if suffix not in wanted]:
        there = ', '.join(f'{suffixes[suffix]} {suffix}' for suffix in sorted(others))
        usable = [suffix for suffix in MODALITIES if suffix in others]
        way = f' (for those use -m {" ".join(usable)})' if usable else ''
        reasons.append(f'there is {there}{way}')
    return reasons


def _of_files(bids_dir: Path, participants: Iterable[str]) -> list[str]:
    """Return what there is of some participants who have no anatomical image."""
    folders, kinds, astray = set(), Counter(), []
    places = (os.walk(bids_dir / f'sub-{label}') for label in participants)
    paths = (Path(at, name) for at, _, names in chain.from_iterable(places) for name in names)
    for path in sorted(islice(paths, LOOKS)):
        inside = path.relative_to(bids_dir)
        folders.add(inside.parent.name)
        if inside.parent.name == 'anat':
            kinds[''.join(path.suffixes[-2:]) or 'no extension'] += 1
        if path.name.endswith(EXTENSIONS) and parse_name(path).suffix in MODALITIES:
            astray.append(inside.as_posix())
    if astray:
        return [f'{len(astray)} not in its place, sub-*/[ses-*/]anat, such as {astray[0]}']
    if 'anat' in folders:
        return [f'anat holds no NIfTI image but {", ".join(sorted(kinds))}']
    there = sorted(folder for folder in folders if not folder.startswith(('sub-', 'ses-')))
    return ['there is no anat folder' + (f' (but {", ".join(there)})' if there else '')]
