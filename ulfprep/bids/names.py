"""Names of BIDS files, taken apart and put together: the one place that knows how they are made.

pybids takes names apart too, but drops what it does not know, where a name has to come back as it
was; and importing it takes longer than ``--help`` may.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ulfprep.settings import MODALITIES

#: Entities by pybids' words, and how file names spell them.
ENTITIES = {
    'subject': 'sub', 'session': 'ses', 'sample': 'sample', 'task': 'task', 'acquisition': 'acq',
    'ceagent': 'ce', 'tracer': 'trc', 'staining': 'stain', 'reconstruction': 'rec',
    'direction': 'dir', 'run': 'run', 'modality': 'mod', 'echo': 'echo', 'flip': 'flip',
    'inv': 'inv', 'mt': 'mt', 'part': 'part', 'proc': 'proc', 'space': 'space',
    'resolution': 'res', 'density': 'den', 'label': 'label', 'desc': 'desc', 'chunk': 'chunk',
}  # fmt: skip
#: Entities that an anatomical image may have, in the order of BIDS: as file names spell them ->
#: pybids' words.
ENTITY_NAMES = {
    ENTITIES[entity]: entity
    for entity in (
        'subject', 'session', 'task', 'acquisition', 'ceagent', 'reconstruction', 'run', 'echo',
        'part', 'chunk',
    )
}  # fmt: skip
#: Those that what is made of an image may have after them.
OF_DERIVATIVES = {'res': 'resolution', 'label': 'label', 'desc': 'desc'}
#: Spaces in which a derivative lies where its scan does.
OWN_SPACES = frozenset({'', 'orig', 'individual', 'scanner', *MODALITIES})
#: Extensions of images, longest first.
EXTENSIONS = ('.nii.gz', '.nii')
#: BIDS allows letters, digits and +; a hyphen does no harm, but a full stop would end the name.
_LABEL = re.compile(r'[\w+-]+')
_NUMBER = re.compile(r'(\d+)')


@dataclass(frozen=True)
class Name:
    """The name of a file, taken apart: ``sub-01_ses-A_run-1``, ``T1w`` and ``.nii.gz``."""

    stem: str
    suffix: str
    extension: str

    @property
    def pairs(self) -> dict[str, str]:
        """Its entities as spelt (``ses``) and written (so ``run-01`` stays ``01``)."""
        return dict(part.split('-', 1) for part in self.stem.split('_') if '-' in part)

    @property
    def entities(self) -> dict[str, str]:
        """The same by pybids' words where an anatomical image may have them."""
        return {ENTITY_NAMES.get(key, key): value for key, value in self.pairs.items()}

    @property
    def of_scan(self) -> dict[str, str]:
        """Entities that derivatives have from their scan, by pybids' words."""
        return {ENTITY_NAMES[k]: v for k, v in self.pairs.items() if k in ENTITY_NAMES}

    @property
    def whole(self) -> str:
        """All but the extension."""
        return f'{self.stem}_{self.suffix}' if self.stem else self.suffix

    @property
    def scan(self) -> str:
        """Name of the scan that a derivative of ulfprep is of, such as ``sub-01_run-1_T1w``."""
        kept = (p for p in self.stem.split('_') if p.split('-')[0] not in OF_DERIVATIVES)
        return '_'.join([*kept, self.suffix])


def parse_name(name: Path | str) -> Name:
    """Take the name of a file apart; anything is one."""
    name = Path(name).name
    extension = next((e for e in EXTENSIONS if name.endswith(e)), None)
    if extension is None:
        extension = ''.join(name.partition('.')[1:])
    stem, _, suffix = name.removesuffix(extension).rpartition('_')
    return Name(stem, suffix, extension)


def name_parts(name: str) -> tuple[dict[str, str], str]:
    """Return entities as spelt, ``run-01`` as ``run-1`` (as in pybids), and suffix of a name."""
    parsed = parse_name(name)
    pairs = parsed.pairs
    if pairs.get('run', '').isdecimal():
        pairs['run'] = str(int(pairs['run']))
    return pairs, parsed.suffix


def entities_of(stem: str) -> dict[str, str]:
    """Return the entities of a name without suffix (:attr:`Name.entities`)."""
    return Name(stem, '', '').entities


def stem_of(entities: Mapping[str, str], more: Mapping[str, str] | None = None) -> str:
    """Return what a file name has before its suffix, the entities in the order of BIDS.

    ``more`` are those of :data:`OF_DERIVATIVES`. A ValueError if the image has an entity that none
    may have: left out, or written over, it would give two files one name.
    """
    more = more or {}
    if unknown := entities.keys() - ENTITY_NAMES.values():
        raise ValueError(f'no name can be made of its entities: {", ".join(sorted(unknown))}')
    parts = [f'{key}-{entities[e]}' for key, e in ENTITY_NAMES.items() if e in entities]
    parts += [f'{key}-{more[e]}' for key, e in OF_DERIVATIVES.items() if e in more]
    return '_'.join(parts)


def path_of_name(
    entities: Mapping[str, str], suffix: str, extension: str, more: Mapping[str, str] | None = None
) -> Path:
    """Return where BIDS puts an anatomical file, inside its dataset; see :func:`stem_of`."""
    folders = [f'{ENTITIES[e]}-{entities[e]}' for e in ('subject', 'session') if e in entities]
    return Path(*folders, 'anat', f'{stem_of(entities, more)}_{suffix}{extension}')


def why_no_name(stem: str) -> str:
    """Return why an image's name cannot be made of its entities again, and the way out.

    What is made of the image is called by these entities: two images whose names differ in
    something else would take each other's place. Empty if the name is sound.
    """
    keys: set[str] = set()
    for part in stem.split('_'):
        key, hyphen, label = part.partition('-')
        if not hyphen:
            return f'"{part}" in its name is no entity (such as acq-{part or "x"}); rename it'
        if key not in ENTITY_NAMES:
            return f'{key}- is no entity of an anatomical image in a raw dataset; rename it'
        if key in keys:
            return f'{key}- is in its name twice; rename it'
        if not _LABEL.fullmatch(label):
            return f'{part} in its name has no label of letters and digits; rename it'
        keys.add(key)
    ordered = stem_of(entities_of(stem))
    if ordered != stem:
        return f'its entities are not in the order of BIDS; rename it ({ordered}_...)'
    return ''


def session_name(subject: str, session: str | None) -> str:
    """Return what the files of a participant and session begin with, such as ``sub-01_ses-A``."""
    return f'sub-{subject}' + (f'_ses-{session}' if session else '')


def place_of(path: Path, dataset: Path) -> tuple[str, str | None]:
    """Return the labels of the participant and session in whose folders a file lies."""
    folders = dict(
        part.split('-', 1) for part in path.relative_to(dataset).parts[:-1] if '-' in part
    )
    return folders['sub'], folders.get('ses')


def sidecar_of(image: Path) -> Path:
    """Return where the sidecar of a NIfTI file is, if it has one."""
    return image.with_name(f'{image.name.partition(".nii")[0]}.json')


def resolution_label(millimetres: float) -> str:
    """Return a voxel size as a BIDS label: ``1mm``, ``0p5mm`` (a label has no full stop)."""
    return f'{millimetres:g}mm'.replace('.', 'p')


def shorten(labels: list[str], limit: int = 20) -> str:
    """Return labels as text, not longer than a line can bear."""
    more = f' and {len(labels) - limit} more' if len(labels) > limit else ''
    return (', '.join(labels[:limit]) or 'none') + more


def folded(path: Path | str) -> str:
    """Return a path by which those are alike that some file systems take for one."""
    return unicodedata.normalize('NFC', str(path).casefold())


def natural(name: str) -> tuple:
    """Return a key that sorts run-2 before run-10, and modalities in their usual order."""
    stem, _, suffix = name.rpartition('_')
    parts = tuple((int(p), '') if p.isdigit() else (-1, p) for p in _NUMBER.split(stem))
    return parts, MODALITIES.index(suffix) if suffix in MODALITIES else len(MODALITIES)


def dataset_names(folders: Iterable[Path]) -> dict[str, Path]:
    """Return a name for each folder of derivatives, for BIDS URIs: no two alike, none ``raw``."""
    names: dict[str, Path] = {}
    for folder in folders:
        stem = re.sub(r'[^\w.-]', '-', folder.name) or 'derivatives'
        name, number = stem, 1
        while name in names or name == 'raw':
            number += 1
            name = f'{stem}-{number}'
        names[name] = folder
    return names


def uri_of(name: str, folder: Path, path: Path) -> str:
    """Return the BIDS URI of a file of a named dataset."""
    return f'bids:{name}:{quote(path.relative_to(folder).as_posix(), safe="/+")}'
