"""All finished scans of an output folder as one table."""

from collections.abc import Mapping
from pathlib import Path

from ulfprep.bids.files import write_json, write_text
from ulfprep.record import ScanRecord

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
#: Columns that say whether a scan has to be looked at.
VERDICT = {
    'verdict': {
        'LongName': 'Verdict',
        'Description': 'By stated rules over the metrics of this scan alone',
        'Levels': {
            'usable': 'Nothing speaks against it',
            'look': 'Look at what the reasons name before it is used',
            'failed': 'Not to be used',
        },
    },
    'reasons': {
        'LongName': 'Reasons of the verdict',
        'Description': 'Parted by semicolons; n/a for a usable scan',
    },
    'outliers': {
        'LongName': 'Outlying metrics',
        'Description': 'Metrics beyond the median plus or minus 3.5 (1 + 10 / n) scaled median '
        'absolute deviations of the n comparable rows, each followed by low or high and parted '
        'by semicolons; n/a where there is none, or too few rows to tell',
    },
}
#: Column that is there where participants were put into groups.
GROUP = 'group'


def identity_cells(record: ScanRecord) -> dict:
    """Return the cells of :data:`IDENTITY` of a record, but for the scan's name."""
    return {
        'subject': record.entities['subject'],
        'session': record.entities.get('session'),
        'direction': record.direction,
        'source_field': record.contrast.source_field_T,
        'target_field': record.contrast.target_field_T,
        'settings_hash': record.settings_hash,
    }


def group_column(column: str) -> dict:
    """Return the dictionary entry of :data:`GROUP`."""
    return {
        GROUP: {
            'LongName': 'Group',
            'Description': f'Column {column} of participants.tsv; rows are compared inside it',
        }
    }


def cell(value) -> str:
    """Return a value as a cell of a BIDS table."""
    if value is None:
        return 'n/a'
    if isinstance(value, float):
        return f'{value:.6g}'
    return str(value)


def write_group_table(
    output_dir: Path, modality: str, rows: list[Mapping], columns: Mapping[str, dict]
) -> Path:
    """Write ``group_<modality>.tsv`` and its data dictionary (``columns``), return the table.

    ``rows`` are column -> value of each scan; what is missing is ``n/a``.
    """
    lines = ['\t'.join(columns)]
    # No cell may hold what parts cells or rows, and none may be empty.
    cells = ((' '.join(cell(row.get(name)).split()) or 'n/a' for name in columns) for row in rows)
    lines += map('\t'.join, cells)
    write_json(output_dir / f'group_{modality}.json', dict(columns))
    return write_text(output_dir / f'group_{modality}.tsv', '\n'.join(lines) + '\n')


def remove_group_table(output_dir: Path, modality: str) -> None:
    """Remove the table of a modality of which there are no scans any more."""
    for extension in ('tsv', 'json'):
        (output_dir / f'group_{modality}.{extension}').unlink(missing_ok=True)
