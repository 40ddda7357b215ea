"""pybids' index of a dataset, of what is asked for and no more."""

import logging
import os
import re
from pathlib import Path

from ulfprep.bids.errors import DatasetError, NoScansError, UnknownLabelError
from ulfprep.bids.names import EXTENSIONS
from ulfprep.settings import Settings

LOGGER = logging.getLogger('ulfprep')


def find_participants(bids_dir: Path) -> list[str]:
    """Return the labels of all participant folders, sorted."""
    if not bids_dir.is_dir():
        return []
    # The list says what kind each entry is: none of ten thousand has to be asked by itself.
    with os.scandir(bids_dir) as entries:
        return sorted(e.name[4:] for e in entries if e.name.startswith('sub-') and e.is_dir())


def find_sessions(bids_dir: Path, participants: list[str]) -> list[str]:
    """Return the labels of all session folders of some participants, sorted."""
    folders = [p for label in participants for p in (bids_dir / f'sub-{label}').glob('ses-*')]
    return sorted({p.name[4:] for p in folders if p.is_dir()})


def shorten(labels: list[str], limit: int = 20) -> str:
    """Return labels as text, not longer than a line can bear."""
    more = f' and {len(labels) - limit} more' if len(labels) > limit else ''
    return (', '.join(labels[:limit]) or 'none') + more


def asked_participants(settings: Settings) -> list[str]:
    """Return the labels of the participants to look at.

    Raises
    ------
    UnknownLabelError
        If a label that was asked for names nothing; the message lists those that exist.
    NoScansError
        If there is no participant.
    """
    known = find_participants(settings.bids_dir)
    if not known:
        raise NoScansError(f'{settings.bids_dir}: there is no participant folder (sub-*)')
    missing = [label for label in settings.participant_label if label not in known]
    if missing:
        raise UnknownLabelError(
            f'{settings.bids_dir}: no participant {shorten(missing)}; known: {shorten(known)}'
        )
    chosen = list(settings.participant_label) or known
    sessions = find_sessions(settings.bids_dir, chosen)
    missing = [label for label in settings.session_label if label not in sessions]
    if missing:
        raise UnknownLabelError(
            f'{settings.bids_dir}: no session {shorten(missing)}; known: {shorten(sessions)}'
        )
    return chosen


def ignore_patterns(participants: list[str]) -> list[re.Pattern]:
    """Return what pybids need not look at, to keep large datasets quick.

    pybids matches each pattern against the path inside the dataset, with a leading
    slash and no trailing one, for folders and files alike.
    """
    labels = '|'.join(re.escape(label) for label in participants)
    return [
        re.compile(r'/\.'),
        # derivatives, sourcedata, code, stimuli and whatever else stands beside sub-*
        re.compile(r'^/(?!sub-)[^/]+$'),
        re.compile(rf'^/sub-(?!(?:{labels})(?:/|$))'),
        # func, dwi, perf ... : only anat and the sessions that lead to it
        re.compile(r'^/sub-[^/]+/(?:ses-[^/]+/)?(?!anat$|ses-)[^/.]+$'),
        # Sidecars are read when they are needed; of files only images are of interest.
        re.compile(r'\.(?!nii$|nii\.gz$|gz$)[^/.]+$'),
    ]


def _closed_folders(bids_dir: Path, participants: list[str]) -> list[Path]:
    """Return the folders that may not be listed; pybids would give up all others for them."""
    closed = []
    for label in participants:
        subject = bids_dir / f'sub-{label}'
        for folder in (
            subject,
            *subject.glob('ses-*'),
            *subject.glob('ses-*/anat'),
            subject / 'anat',
        ):
            if os.path.isdir(folder) and not os.access(folder, os.R_OK | os.X_OK):
                closed.append(folder)
    return closed


def indexed(bids_dir: Path, participants: list[str], database: Path | None = None):
    """Return pybids' index of the anatomical images of some participants."""
    from bids import BIDSLayout, BIDSLayoutIndexer

    ignore = ignore_patterns(participants)
    for folder in _closed_folders(bids_dir, participants):
        LOGGER.warning(
            '%s: may not be looked into, so it counts as empty; check permissions', folder
        )
        ignore.append(re.compile(f'^/{re.escape(folder.relative_to(bids_dir).as_posix())}(/|$)'))
    try:
        return BIDSLayout(
            bids_dir,
            validate=False,
            derivatives=False,
            database_path=database,
            indexer=BIDSLayoutIndexer(validate=False, index_metadata=False, ignore=ignore),
        )
    except (OSError, ValueError) as error:
        # pybids speaks of the JSON file it stumbled over, over several lines.
        raise DatasetError(
            f'{bids_dir}: cannot be indexed: {" ".join(str(error).split())}'
        ) from error


def files_of(layout) -> list[Path]:
    """Return all images of an index, by their paths inside the dataset."""
    found = layout.get(extension=list(EXTENSIONS), return_type='filename')
    return [Path(path).relative_to(layout.root) for path in found]
