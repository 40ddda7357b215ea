"""Who made what lies in a folder: results of other software must not be written over."""

import json
import os
from pathlib import Path

from ulfprep.bids.files import read_json
from ulfprep.bids.not_here import not_here
from ulfprep.settings import MODALITIES

#: The name under which ulfprep signs the datasets that it makes.
OWN_NAME = 'ulfprep'
DESCRIPTION = 'dataset_description.json'
#: What ulfprep writes at the top of its output folder, and would therefore replace. Other files
#: there, and folders such as sourcedata, code or logs, are in nobody's way.
WRITTEN = ('sub-', 'group_', 'group.html', 'dseg.tsv')
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
    if DESCRIPTION in names:
        whose = _whose(folder)
        return whose and f'{folder}: the output folder holds {whose}; name a folder of its own'
    theirs = [name for name in names if name.startswith(WRITTEN)]
    if not theirs or _own_results(folder):
        return ''
    return (
        f'{folder}: the output folder holds {", ".join(theirs[:3])}'
        f'{" ..." if theirs[3:] else ""}, which ulfprep did not write; name a folder of its own'
    )


def _whose(folder: Path) -> str:
    """Say what dataset a folder is; nothing where it is one of ulfprep's derivatives."""
    path = folder / DESCRIPTION
    try:
        description = read_json(path)
    except (OSError, ValueError) as error:
        reason = not_here(path) or f'{path.name} that cannot be read ({error})'
        return f'a {reason.removeprefix(f"{folder}/")}'
    stated = description if isinstance(description, dict) else {}
    makers = generated_by(folder)
    if OWN_NAME in makers:
        # That of --simulate-as-bids is no place for derivatives.
        return 'raw scans that ulfprep simulated' if stated.get('DatasetType') == 'raw' else ''
    name = stated.get('Name')
    called = json.dumps(str(name), ensure_ascii=False) if name else 'somebody else'
    return f'a dataset of {", ".join(makers) or called}'


def _own_results(folder: Path) -> bool:
    """Tell whether results were put there that only lack the files of a dataset."""
    return any(next(folder.glob(pattern), None) for pattern in OWN_FILES)
