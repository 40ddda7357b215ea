"""The raw BIDS dataset that takes simulated scans: whether a folder may be it, and its files."""

from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from ulfprep import __version__
from ulfprep.bids.files import (
    DESCRIPTION,
    read_json,
    read_text,
    write_bytes,
    write_json,
    write_text,
)
from ulfprep.bids.read.index import find_participants
from ulfprep.bids.read.participants import read_table
from ulfprep.bids.write.dataset import dataset_description, made_here
from ulfprep.settings import Settings

README = """\
# {name}

**These images are simulated. No scanner measured them.** ulfprep {version} computed every one
of them from a scan of the dataset "{source}" ({where}), which was made at a
higher field strength. Participants and sessions are those of that dataset.

How: the intensities of cerebrospinal fluid, grey and white matter were changed to those
expected at the lower field strength, the image was blurred and sampled as a scanner with larger
voxels would, and noise was added. `rec-sim1`, `rec-sim2` ... are the same scan with
different noise. The key `Simulation` of each sidecar holds the numbers: field strengths,
contrast factors, point-spread function, signal-to-noise ratio and random seed.

What a simulation does not know is not in the images: motion, distortion, artefacts,
lesions whose relaxation differs from that of the tissue they were taken for. Do not
present results from these images as results from measured scans.

Research use only: not a medical device.
"""


def start_dataset(folder: Path, settings: Settings) -> None:
    """Write the files that make a folder a raw dataset, before any scan is in it.

    What is written depends on the source dataset alone, so that runs over different participants
    may share the folder, also at the same time.
    """
    source = settings.bids_dir
    description = _description(folder, source)
    # First: from then on the folder is known for what it is.
    write_json(folder / 'dataset_description.json', description)
    write_text(folder / 'README.md', _readme(description, source))
    _write_participants(folder, source)
    if (source / 'LICENSE').is_file():
        write_bytes(folder / 'LICENSE', (source / 'LICENSE').read_bytes())


def _description(folder: Path, source: Path) -> dict:
    """Return ``dataset_description.json`` of the simulated dataset."""
    # Resolved, for `..` after a symbolic link leads elsewhere than text suggests.
    description = dataset_description(Settings(source.resolve(), folder.resolve()))
    del description['HowToAcknowledge']  # speaks of a file of the derivatives
    raw = read_json(source / 'dataset_description.json')
    description['Name'] = f'Simulated low-field scans of {raw.get("Name") or source.name}'
    description['DatasetType'] = 'raw'
    description['GeneratedBy'][0]['Description'] = 'Simulation of low-field MRI from high field'
    authors = raw.get('Authors')
    if isinstance(authors, list) and authors:
        description['Authors'] = authors
    return description


def _readme(description: dict, source: Path) -> str:
    origin = description['SourceDatasets'][0]
    where = f'`{origin["URL"]}`' + (f', {origin["DOI"]}' if 'DOI' in origin else '')
    name = read_json(source / 'dataset_description.json').get('Name') or source.name
    return README.format(name=description['Name'], version=__version__, source=name, where=where)


def _write_participants(folder: Path, source: Path) -> None:
    """Write a row for every participant folder of the source, with what is known of each.

    Also for those of whom no scan is simulated in this run: another may add them.
    """
    try:
        rows = read_table(source / 'participants.tsv')
    except (OSError, ValueError):
        rows = []
    known = {row['participant_id']: row for row in rows if row.get('participant_id')}
    header = list(rows[0]) if known else ['participant_id']
    lines = ['\t'.join(header)]
    for label in find_participants(source):
        row = {**known.get(f'sub-{label}', {}), 'participant_id': f'sub-{label}'}
        lines.append('\t'.join(row.get(name) or 'n/a' for name in header))
    write_text(folder / 'participants.tsv', '\n'.join(lines) + '\n')
    described = source / 'participants.json'
    if known and described.is_file():
        with suppress(ValueError):  # no text: nothing that describes the columns
            write_text(folder / 'participants.json', read_text(described))


def refuse_folder(folder: Path, bids_dir: Path, output_dir: Path) -> str | None:
    """Say why a folder cannot take the simulated dataset, one line; None where it can.

    It can where it is new, empty, or holds scans that ulfprep simulated from the same input.
    """
    place, source, out = (path.resolve() for path in (folder, bids_dir, output_dir))
    for other, what in ((source, 'the input dataset'), (out, 'the output folder')):
        if place == other or other in place.parents:
            where = 'is' if place == other else 'lies in'
            return f'{folder}: the folder for simulated scans {where} {what}; name another'
        if place in other.parents:
            return f'{folder}: the folder for simulated scans contains {what}; name another'
    if folder.exists() and not folder.is_dir():
        return f'{folder}: is a file, not a folder for simulated scans; name another'
    try:
        # Hidden files do not count: file managers leave them, and runs that start just now.
        if all(path.name.startswith('.') for path in folder.iterdir()):
            return None
    except FileNotFoundError:
        return None
    except OSError as error:
        return f'{folder}: cannot be read ({error.strerror or error}); check permissions'
    return _refuse_content(folder, source)


def _refuse_content(folder: Path, source: Path) -> str | None:
    """Refuse what is in a folder, unless it was simulated by ulfprep from ``source``."""
    try:
        description = read_json(folder / DESCRIPTION)
        ours = made_here(folder, 'raw')
        url = description['SourceDatasets'][0]['URL']
        origin = (folder.resolve() / unquote(url)).resolve()
    except (OSError, ValueError, LookupError, TypeError):
        ours = False
    if not ours:
        return (
            f'{folder}: is not empty, and what is in it was not simulated by ulfprep; '
            'name a new or empty folder'
        )
    if origin != source:
        return (
            f'{folder}: holds scans that were simulated from another dataset ({url}); '
            'name another folder'
        )
    return None
