"""Why nothing of a dataset was selected, and what might be."""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ulfprep.bids.index import shorten
from ulfprep.bids.names import EXTENSIONS, parse_name
from ulfprep.settings import MODALITIES, Settings

if TYPE_CHECKING:
    from ulfprep.bids.dataset import LeftOut

#: Files that are looked at where there is no image in its place.
LOOKS = 10_000


def why_none(settings: Settings, participants: list[str], left_out: 'list[LeftOut]') -> str:
    """Return that no scan was selected, and why, as one line.

    Parameters
    ----------
    settings : Settings
    participants : list of str
        Labels of those that were looked at.
    left_out : list of LeftOut
        Their anatomical images.
    """
    suffixes = settings.modalities
    kinds, names = ' or '.join(suffixes), ', '.join(f'anat/*_{s}.nii[.gz]' for s in suffixes)
    wanted = shorten([f'sub-{label}' for label in participants])
    if settings.session_label:
        wanted += f', {shorten([f"ses-{label}" for label in settings.session_label])}'
    reasons = _of_images(left_out, suffixes) or _of_files(settings.bids_dir, participants)
    return f'{settings.bids_dir}: no {kinds} scan ({names}) for {wanted}: {"; ".join(reasons)}'


def _of_images(left_out: 'list[LeftOut]', wanted: tuple[str, ...]) -> list[str]:
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
    for path in _files(bids_dir, participants):
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


def _files(bids_dir: Path, participants: Iterable[str]):
    """Yield files of some participants, of very many only the first."""
    count = 0
    for label in participants:
        for folder, _, names in os.walk(bids_dir / f'sub-{label}'):
            for name in sorted(names):
                yield Path(folder, name)
                count += 1
            if count > LOOKS:
                return
