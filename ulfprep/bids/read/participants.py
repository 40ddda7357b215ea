"""Tables that are read: any of BIDS, and groups by a column of ``participants.tsv``."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from ulfprep.bids.files import not_here, read_text
from ulfprep.settings import Settings

#: With more values than these a column tells scans apart, not groups.
MOST_GROUPS = 12
#: Group of a participant of whom the column says nothing.
UNKNOWN = 'n/a'


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a BIDS table, column -> cell as written; short rows are filled with
    ``n/a``.

    OSError if it cannot be read, ValueError if it is no text.
    """
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
    """``participants.tsv`` has several rows of a participant."""


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
    """Return the group of each participant, by label without ``sub-``.

    Raises
    ------
    NoParticipantsFileError
        If the file cannot be read as a table.
    GroupColumnError
        If it has no such column; the message lists those it has.
    TwoRowsError
        If a participant has several rows, so that nobody can say which is meant.
    """
    try:
        rows = read_table(path)
    except (OSError, ValueError) as error:
        said = not_here(path) or f'{path}: cannot be read as a table ({error})'
        raise NoParticipantsFileError(said) from error
    if said := not_here(path):  # which reads as a table of one column
        raise NoParticipantsFileError(said)
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
