"""Who made what lies in a folder: results of other software must not be written over."""

import json
import os
from pathlib import Path

from ulfprep.bids.files import read_json
from ulfprep.bids.not_here import not_here
from ulfprep.bids.text import read_text
from ulfprep.settings import MODALITIES

#: The name under which ulfprep signs the datasets that it makes.
OWN_NAME = 'ulfprep'
DESCRIPTION = 'dataset_description.json'
#: What ulfprep writes at the top of its output folder, and would therefore replace. Other files
#: there, and folders such as sourcedata, code or logs, are in nobody's way.
WRITTEN = ('sub-', 'group_', 'group.html', 'dseg.tsv')
#: The same in a folder that other software has too.
CITATION = 'logs/CITATION.md'
CITATIONS = (CITATION, 'logs/CITATION.bib')
#: By what results are known that were copied without the files of a dataset.
OWN_FILES = (
    *(
        f'sub-*/{place}/*_desc-qc_{modality}.json'
        for place in ('anat', 'ses-*/anat')
        for modality in MODALITIES
    ),
    'logs/verdicts/sub-*.json',
    'logs/*/ulfprep.log',
)


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
    ours = made_here(folder, 'derivative')
    if ours or (not generated_by(folder) and _own_results(folder)):
        return ''
    if DESCRIPTION in names:
        return f'{folder}: the output folder holds {_whose(folder)}; name a folder of its own'
    theirs = [n for n in names if n.startswith(WRITTEN) and _holds_files(folder / n)]
    theirs += [name for name in CITATIONS if (folder / name).exists()]
    if not theirs:
        return ''
    return (
        f'{folder}: the output folder holds {", ".join(theirs[:3])}'
        f'{" ..." if theirs[3:] else ""}, which ulfprep did not write; name a folder of its own'
    )


def _holds_files(path: Path) -> bool:
    """Tell whether there is something to lose: a file, or a folder with one in it."""
    # A link that leads nowhere is content that was not fetched.
    return any(one.is_file() or one.is_symlink() for one in (path, *path.rglob('*')))


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


def _whose(folder: Path) -> str:
    """Say what dataset a folder holds."""
    path = folder / DESCRIPTION
    try:
        stated = read_json(path)
    except (OSError, ValueError) as error:
        reason = not_here(path) or f'{path.name} that cannot be read ({error})'
        return f'a {reason.removeprefix(f"{folder}/")}'
    if made_here(folder, 'raw'):
        return 'raw scans that ulfprep simulated'
    name = stated.get('Name') if isinstance(stated, dict) else None
    called = json.dumps(str(name), ensure_ascii=False) if name else 'somebody else'
    others = [maker for maker in generated_by(folder) if maker != OWN_NAME]
    return f'a dataset of {", ".join(others) or called}'


def _own_results(folder: Path) -> bool:
    """Tell whether results were put there that only lack the files of a dataset."""
    if any(next(folder.glob(pattern), None) for pattern in OWN_FILES):
        return True
    try:
        return OWN_NAME in read_text(folder / CITATION)
    except (OSError, ValueError):
        return False
