"""Who made what lies in a folder: results of other software must not be written over."""

import json
import os
from pathlib import Path

from ulfprep.bids.files import read_json
from ulfprep.settings import MODALITIES

#: The name under which ulfprep signs the datasets that it makes.
OWN_NAME = 'ulfprep'
DESCRIPTION = 'dataset_description.json'
#: What ulfprep writes at the top of its output folder, and would therefore replace. Other files
#: there, and folders such as sourcedata, code or logs, are in nobody's way.
WRITTEN = ('sub-', 'group_', 'group.html', 'dseg.tsv')
#: The same in a folder that other software has too.
CITATIONS = ('logs/CITATION.md', 'logs/CITATION.html', 'logs/CITATION.bib')


def generated_by(folder: Path) -> list[str]:
    """Return the names of the software that made a dataset, as it says itself.

    Parameters
    ----------
    folder : Path
        Its top folder; without a readable description nobody made it.
    """
    try:
        description = read_json(folder / DESCRIPTION)
        made = description.get('GeneratedBy') or [description.get('PipelineDescription') or {}]
        return [str(tool['Name']) for tool in made if tool.get('Name')]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return []


def refuse_output(folder: Path) -> str:
    """Say why results cannot be written into a folder; nothing where they can.

    Parameters
    ----------
    folder : Path
        Need not exist.

    Returns
    -------
    str
        One line that names the folder, what is there and the way out. Empty for a folder that is
        new or ulfprep's own, or in which nothing would be replaced.
    """
    try:
        names = sorted(os.listdir(folder))
    except OSError:  # not there, or told by those who make it
        return ''
    makers = generated_by(folder)
    if made_here(folder, 'derivative') or (not makers and _own_results(folder)):
        return ''
    if DESCRIPTION in names:
        whose = ', '.join(makers) or _name(folder) or 'somebody else'
        return f'{folder}: the output folder holds a dataset of {whose}; name a folder of its own'
    theirs = [name for name in names if name.startswith(WRITTEN)]
    theirs += [name for name in CITATIONS if (folder / name).exists()]
    if not theirs:
        return ''
    return (
        f'{folder}: the output folder holds {", ".join(theirs[:3])}'
        f'{" ..." if theirs[3:] else ""}, which ulfprep did not write; name a folder of its own'
    )


def made_here(folder: Path, kind: str) -> bool:
    """Tell whether ulfprep, and no other software, made a dataset of a kind.

    Parameters
    ----------
    folder : Path
    kind : {'derivative', 'raw'}
        Its ``DatasetType``.
    """
    if set(generated_by(folder)) != {OWN_NAME}:
        return False
    return read_json(folder / DESCRIPTION).get('DatasetType', 'derivative') == kind


def _name(folder: Path) -> str:
    """Return the name of a dataset that does not say who made it."""
    try:
        return json.dumps(str(read_json(folder / DESCRIPTION)['Name']), ensure_ascii=False)
    except (OSError, ValueError, LookupError, TypeError):
        return ''


def _own_results(folder: Path) -> bool:
    """Tell whether results were put there that only lack the files of a dataset."""
    places = ('anat', 'ses-*/anat')
    names = [f'*_desc-qc_{modality}.json' for modality in MODALITIES]
    return any(
        next(folder.glob(f'sub-*/{place}/{name}'), None) for place in places for name in names
    )
