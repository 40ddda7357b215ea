"""Tables: any of BIDS is read, groups of ``participants.tsv``, and that of all scans written."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from ulfprep.bids.files import not_here, read_text, write_json, write_text
from ulfprep.record import ScanRecord
from ulfprep.settings import Settings

#: With more values than these a column tells scans apart, not groups.
MOST_GROUPS = 12
#: Group of a participant of whom the column says nothing.
UNKNOWN = 'n/a'


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a BIDS table, column -> cell; short rows are filled with ``n/a``."""
    reader = csv.DictReader(
        io.StringIO(read_text(path)), delimiter='\t', quoting=csv.QUOTE_NONE, restval='n/a'
    )
    try:
        return [
            {name.strip(): value for name, value in row.items() if name is not None}
            for row in reader
        ]
    except csv.Error as error:
        raise ValueError(str(error)) from error


class NoParticipantsFileError(ValueError):
    """There is no ``participants.tsv`` that can be read."""


class GroupColumnError(ValueError):
    """``participants.tsv`` has no such column, or one that makes no groups."""


class TwoRowsError(ValueError):
    """``participants.tsv`` has several rows of a participant: which is meant?"""


def participants_file(settings: Settings) -> Path:
    """Return the ``participants.tsv`` of the output folder, else that of the dataset."""
    for folder in (settings.output_dir, settings.bids_dir):
        path = folder / 'participants.tsv'
        if path.is_file() or path.is_symlink():
            return path
    raise NoParticipantsFileError(
        f'--group-by {settings.group_by} reads participants.tsv, and there is none in '
        f'{settings.output_dir} or {settings.bids_dir}; put one there, or leave it out'
    )


def read_groups(path: Path, column: str) -> dict[str, str]:
    """Return the group of each participant, by label without ``sub-``."""
    if said := not_here(path):  # which may read as a table of one column
        raise NoParticipantsFileError(said)
    try:
        rows = read_table(path)
    except (OSError, ValueError) as error:
        raise NoParticipantsFileError(f'{path}: cannot be read as a table ({error})') from error
    names = [name for name in (rows[0] if rows else ()) if name != 'participant_id']
    if column not in names or 'participant_id' not in rows[0]:
        has = f'it has {", ".join(names)}' if names else 'it has no column to choose'
        raise GroupColumnError(f'{path}: has no column {column}; {has}; mend --group-by')
    groups: dict[str, str] = {}
    for row in rows:
        label = (row['participant_id'] or '').strip().removeprefix('sub-')
        if label in groups:
            raise TwoRowsError(
                f'{path}: sub-{label} has several rows, and --group-by {column} needs one of each '
                'participant; leave one'
            )
        groups[label] = (row[column] or '').strip() or UNKNOWN
    return groups


def check_groups(path: Path, column: str, groups: Iterable[str]) -> None:
    """Raise GroupColumnError for a column with a value of its own for nearly every participant."""
    count = len(set(groups))
    if count > MOST_GROUPS:
        raise GroupColumnError(
            f'{path}: column {column} has {count} different values for these scans, at most '
            f'{MOST_GROUPS} make groups; mend --group-by'
        )


def _column(name: str, description: str, **more) -> dict:
    return {'LongName': name, 'Description': description, **more}


#: Columns that identify a scan, before the metrics.
IDENTITY = {
    'bids_name': _column('Scan', 'Name of the scan, entities as in its file name'),
    'subject': _column('Participant', 'Label of the participant'),
    'session': _column('Session', 'Label of the session; n/a without'),
    'direction': _column(
        'Direction',
        'What was done to the scan',
        Levels={
            'enhance': 'Ultra-low field to high field',
            'simulate': 'High field to ultra-low field',
        },
    ),
    'source_field': _column(
        'Field strength of the scan', 'From the sidecar or the command line', Units='T'
    ),
    'target_field': _column(
        'Target field strength', 'Field strength that was synthesised', Units='T'
    ),
    'settings_hash': _column(
        'Settings', 'Hash of the settings; rows that differ in it are not comparable'
    ),
}
#: Columns that say whether a scan has to be looked at.
VERDICT = {
    'verdict': _column(
        'Verdict',
        'By stated rules over the metrics of this scan alone',
        Levels={
            'usable': 'Nothing speaks against it',
            'look': 'Look at what the reasons name before it is used',
            'failed': 'Not to be used',
        },
    ),
    'reasons': _column('Reasons of the verdict', 'Parted by semicolons; n/a for a usable scan'),
    'outliers': _column(
        'Outlying metrics',
        'Metrics beyond the median plus or minus 3.5 (1 + 10 / n) scaled median absolute '
        'deviations of the n comparable rows, each followed by low or high and parted by '
        'semicolons; n/a where there is none, or too few rows to tell',
    ),
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
    told = f'Column {column} of participants.tsv; rows are compared inside it'
    return {GROUP: _column('Group', told)}


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
    """Write ``group_<modality>.tsv`` and its data dictionary (``columns``); return the table."""
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
