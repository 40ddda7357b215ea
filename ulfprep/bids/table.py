"""All finished scans of an output folder as one table."""

import csv
import io
from pathlib import Path

from ulfprep.bids.files import read_json, write_json, write_text

#: Columns that identify a scan, before the metrics.
IDENTITY = {
    'bids_name': {
        'LongName': 'Scan',
        'Description': 'Name of the scan, entities as in its file name',
    },
    'subject': {'LongName': 'Participant', 'Description': 'Label of the participant'},
    'session': {'LongName': 'Session', 'Description': 'Label of the session; n/a without'},
    'direction': {
        'LongName': 'Direction',
        'Description': 'What was done to the scan',
        'Levels': {
            'enhance': 'Ultra-low field to high field',
            'simulate': 'High field to ultra-low field',
        },
    },
    'source_field': {
        'LongName': 'Field strength of the scan',
        'Description': 'From the sidecar or the command line',
        'Units': 'T',
    },
    'target_field': {
        'LongName': 'Target field strength',
        'Description': 'Field strength that was synthesised',
        'Units': 'T',
    },
    'settings_hash': {
        'LongName': 'Settings',
        'Description': 'Hash of the settings; rows that differ in it are not comparable',
    },
}


def qc_files(output_dir: Path, modality: str = 'T1w') -> list[Path]:
    """Return the QC files of all finished scans of a modality, sorted by name."""
    files = [
        *output_dir.glob(f'sub-*/anat/*_desc-qc_{modality}.json'),
        *output_dir.glob(f'sub-*/ses-*/anat/*_desc-qc_{modality}.json'),
    ]
    return sorted(files, key=lambda path: path.name)


def table_rows(files: list[Path], metrics: list[str]) -> tuple[list[list[str]], list[str]]:
    """Return one row a scan, and a line for every file that could not be read.

    Parameters
    ----------
    files : list of Path
        QC files.
    metrics : list of str
        Columns after those of :data:`IDENTITY`.
    """
    rows, problems = [], []
    for path in files:
        try:
            record = read_json(path)
            entities, plan = record['entities'], record['contrast']
            row = [
                path.name.rpartition('_desc-qc_')[0],
                entities['subject'],
                entities.get('session'),
                record['direction'],
                plan.get('source_field_T'),
                plan.get('target_field_T'),
                record['settings_hash'],
                *(record['metrics'].get(name) for name in metrics),
            ]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            problems.append(f'{path}: not a readable QC file ({error!r}); run its scan again')
            continue
        rows.append([cell(value) for value in row])
    return rows, problems


def cell(value) -> str:
    """Return a value as a cell of a BIDS table."""
    if value is None:
        return 'n/a'
    if isinstance(value, float):
        return f'{value:.6g}'
    return str(value)


def write_group_table(
    output_dir: Path, dictionary: dict[str, dict], modality: str = 'T1w'
) -> tuple[int, list[str]]:
    """Write ``group_<modality>.tsv`` and its data dictionary.

    Parameters
    ----------
    output_dir : Path
        Results of the participant level; nothing else is read.
    dictionary : dict
        Metric -> LongName, Description, Units.

    Returns
    -------
    count : int
        Number of rows; with 0 nothing is written.
    problems : list of str
        A line for every QC file that could not be read.
    """
    rows, problems = table_rows(qc_files(output_dir, modality), list(dictionary))
    if rows:
        lines = ['\t'.join([*IDENTITY, *dictionary]), *('\t'.join(row) for row in rows)]
        write_text(output_dir / f'group_{modality}.tsv', '\n'.join(lines) + '\n')
        write_json(output_dir / f'group_{modality}.json', {**IDENTITY, **dictionary})
    return len(rows), problems


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a BIDS table, column -> cell as written.

    Parameters
    ----------
    path : Path
        Of :func:`write_group_table`, or any other file of tab-separated values; a byte order
        mark and the line ends of other systems are passed over, a short row is filled up
        with ``n/a``.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is no text.
    """
    text = Path(path).read_text(encoding='utf-8-sig')
    reader = csv.DictReader(
        io.StringIO(text), delimiter='\t', quoting=csv.QUOTE_NONE, restval='n/a'
    )
    return [
        {name.strip(): value for name, value in row.items() if name is not None} for row in reader
    ]
