"""What makes a folder a BIDS dataset of ulfprep, and who made what lies in one already."""

import json
import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from ulfprep import __version__
from ulfprep.bids.files import (
    DESCRIPTION,
    generated_by,
    not_here,
    read_json,
    read_text,
    write_json,
    write_text,
)
from ulfprep.bids.names import dataset_names
from ulfprep.settings import MODALITIES, Settings

#: Version of BIDS that the derivatives follow.
BIDS_VERSION = '1.10.0'
#: BIDS look-up: index (as :data:`ulfprep.physics.labels.LABELS`), abbreviation, name, colour
#: (HTML), as in the report.
LOOKUP = (
    (0, 'BG', 'Background', '#000000'),
    (1, 'GM', 'Grey matter', '#F0A30A'),
    (2, 'WM', 'White matter', '#D46BB8'),
    (3, 'CSF', 'Cerebrospinal fluid', '#4FB3E8'),
)
#: What BIDS has no name for (yet): reports, tables, and JSON files that describe no image.
BIDSIGNORE = (
    '*.html',
    'logs/',
    'inputs',  # as sourcedata, which the validator passes over by itself
    'work',  # of a run that is started here without --work-dir
    'figures',  # with a slash the validator overlooks those inside sub-*
    'group_*',
    # One wildcard a line: the validator overlooks names with two.
    *(f'*_desc-qc_{modality}.json' for modality in MODALITIES),
)
README = """\
# Derivatives made by ulfprep

`sub-*.html` are the reports: start there. `anat/` holds, for every scan, the image at the
target field strength (`desc-enhanced` or `desc-simulated`), its tissues, and where not to
believe it (`desc-uncertainty`, `desc-entropy`, `desc-claim`, `desc-residual`: their sidecars
say how to read them); `desc-qc_*.json` its metrics and how it was made. Methods and what to
cite are in `logs/CITATION.md`.

Research use only: not a medical device.
"""
#: The name under which ulfprep signs the datasets that it makes.
OWN_NAME = 'ulfprep'
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


def refuse_output(folder: Path) -> str:
    """Say why results cannot be written into a folder (one line); nothing where they can."""
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
    """Tell whether ulfprep alone made a dataset of this type (``derivative`` or ``raw``)."""
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
    with suppress(OSError, ValueError):
        if OWN_NAME in read_text(folder / CITATION):
            return True
    return any(next(folder.glob(pattern), None) for pattern in OWN_FILES)


def lookup_table() -> str:
    """Return the BIDS look-up table (``dseg.tsv``)."""
    rows = ['index\tname\tabbreviation\tcolor']
    rows += [f'{index}\t{name}\t{short}\t{color}' for index, short, name, color in LOOKUP]
    return '\n'.join(rows) + '\n'


def dataset_description(settings: Settings) -> dict:
    """Return ``dataset_description.json`` of the output folder."""
    raw = read_json(settings.bids_dir / DESCRIPTION)

    def link(folder: Path) -> str:
        # Relative, so that the folders may be moved together.
        return quote(Path(os.path.relpath(folder, settings.output_dir)).as_posix())

    links = _links_before(settings.output_dir) | {'raw': link(settings.bids_dir)}
    links |= {name: link(folder) for name, folder in dataset_names(settings.derivatives).items()}
    source = {'URL': links['raw']}
    if raw.get('DatasetDOI'):
        source['DOI'] = raw['DatasetDOI']
    others = [{'URL': url} for name, url in sorted(links.items()) if name != 'raw']
    what = 'Physics-based enhancement of ultra-low-field MRI'
    description = {
        'Name': f'ulfprep derivatives of {raw.get("Name") or settings.bids_dir.name}',
        'BIDSVersion': BIDS_VERSION,
        'DatasetType': 'derivative',
        'GeneratedBy': [{'Name': OWN_NAME, 'Version': __version__, 'Description': what}],
        'SourceDatasets': [source, *others],
        'DatasetLinks': links,
        'HowToAcknowledge': 'See logs/CITATION.md for the methods and what to cite.',
    }
    if raw.get('License'):
        description['License'] = raw['License']
    return description


def _links_before(output_dir: Path) -> dict[str, str]:
    """Return the links of earlier runs, which sidecars of theirs may refer to."""
    try:
        links = read_json(output_dir / DESCRIPTION)['DatasetLinks']
        return {str(name): str(url) for name, url in links.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def write_dataset_files(settings: Settings) -> None:
    """Write the files that make the output folder a BIDS dataset, before any work."""
    out = settings.output_dir
    write_json(out / DESCRIPTION, dataset_description(settings))
    if not any(out.glob('README*')):  # somebody's own says more
        write_text(out / 'README.md', README)
    _write_ignored(out)
    write_text(out / 'dseg.tsv', lookup_table())


def complete_dataset(output_dir: Path) -> None:
    """Write what makes a folder a BIDS dataset where that is missing.

    Results of several runs that were put together may lack it. What is there is left alone.
    """
    description = {
        'Name': 'ulfprep derivatives',
        'BIDSVersion': BIDS_VERSION,
        'DatasetType': 'derivative',
        'GeneratedBy': [{'Name': 'ulfprep', 'Version': __version__}],
    }
    if not (output_dir / DESCRIPTION).exists():
        write_json(output_dir / DESCRIPTION, description)
    _write_ignored(output_dir)


def _write_ignored(folder: Path) -> None:
    """Have the validator ignore what BIDS has no name for, beside what it ignores already."""
    path = folder / '.bidsignore'
    try:
        there = read_text(path).splitlines()
    except FileNotFoundError:
        there = []
    missing = [line for line in BIDSIGNORE if line not in there]
    if missing:
        write_text(path, '\n'.join([*there, *missing]) + '\n')
