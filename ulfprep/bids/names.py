"""Names of BIDS files, taken apart and put together."""

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path

#: Entities that an anatomical image may have, in the order of BIDS: as file names spell them ->
#: pybids' words.
ENTITY_NAMES = {
    'sub': 'subject',
    'ses': 'session',
    'task': 'task',
    'acq': 'acquisition',
    'ce': 'ceagent',
    'rec': 'reconstruction',
    'run': 'run',
    'echo': 'echo',
    'part': 'part',
    'chunk': 'chunk',
}
#: Those that what is made of an image may have after them.
OF_DERIVATIVES = {'res': 'resolution', 'label': 'label', 'desc': 'desc'}
#: BIDS allows letters, digits and +; a hyphen does no harm, but a full stop would end the name.
_LABEL = re.compile(r'[\w+-]+')


def entities_of(stem: str) -> dict[str, str]:
    """Return the entities of a file name as written (so ``run-01`` stays ``01``).

    Parameters
    ----------
    stem : str
        The name without suffix and extension.

    Returns
    -------
    dict
        By pybids' words where there are any.
    """
    pairs = (part.split('-', 1) for part in stem.split('_') if '-' in part)
    return {ENTITY_NAMES.get(key, key): value for key, value in pairs}


def stem_of(entities: Mapping[str, str], more: Mapping[str, str] | None = None) -> str:
    """Return what a file name has before its suffix, the entities in the order of BIDS.

    Parameters
    ----------
    entities : mapping
        Of an image, by pybids' words.
    more : mapping, optional
        Those of :data:`OF_DERIVATIVES`.

    Raises
    ------
    ValueError
        If the image has an entity that none may have: left out, or written over by those of a
        derivative, it would give two files one name.
    """
    more = more or {}
    if unknown := entities.keys() - ENTITY_NAMES.values():
        raise ValueError(f'no name can be made of its entities: {", ".join(sorted(unknown))}')
    parts = [f'{key}-{entities[e]}' for key, e in ENTITY_NAMES.items() if e in entities]
    parts += [f'{key}-{more[e]}' for key, e in OF_DERIVATIVES.items() if e in more]
    return '_'.join(parts)


def path_of_name(
    entities: Mapping[str, str],
    suffix: str,
    extension: str,
    more: Mapping[str, str] | None = None,
) -> Path:
    """Return where BIDS puts an anatomical file, inside its dataset.

    Raises
    ------
    ValueError
        See :func:`stem_of`.
    """
    folders = [f'sub-{entities["subject"]}']
    if 'session' in entities:
        folders.append(f'ses-{entities["session"]}')
    return Path(*folders, 'anat', f'{stem_of(entities, more)}_{suffix}{extension}')


def why_no_name(stem: str) -> str:
    """Return why an image's name cannot be made of its entities again; empty if it can.

    What is made of the image is called by these entities: two images whose names differ in
    something else would take each other's place.

    Parameters
    ----------
    stem : str
        The name without suffix and extension.

    Returns
    -------
    str
        Half a sentence with the way out.
    """
    keys = []
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
        keys.append(key)
    ordered = stem_of(entities_of(stem))
    if ordered != stem:
        return f'its entities are not in the order of BIDS; rename it ({ordered}_...)'
    return ''


def folded(path: Path | str) -> str:
    """Return a path by which those are alike that some file systems take for one.

    They do not tell capital letters from small ones, nor letters with an accent that are written
    as one character from those written as two.
    """
    return unicodedata.normalize('NFC', str(path).casefold())
