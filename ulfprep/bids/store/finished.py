"""Whether a scan needs more work, and whether its files would take the place of others."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from ulfprep.bids.names import folded, session_name
from ulfprep.bids.qc_file import BrokenRecordError, read_record
from ulfprep.bids.read.scan import Scan
from ulfprep.bids.task import Fusion, Task
from ulfprep.bids.write.derivatives import QC, asks_network, golden_list, path_of
from ulfprep.bids.write.provenance import fusion_digest, input_digest
from ulfprep.bids.write.simulated import raw_path
from ulfprep.record import ScanRecord
from ulfprep.settings import Settings


def is_finished(task: Task, settings: Settings) -> bool:
    """Tell whether a scan needs no more work.

    It is finished if all its files are there and its QC file, which is written after the images,
    names the same settings, the same version of ulfprep and the same input.
    """
    record = _record_of(task, settings)
    if record is None or not _made_alike(record, settings) or record.direction != task.direction:
        return False
    try:
        same = record.input_digest == input_digest(task)
    except OSError:
        return False
    return same and not missing_files(task, settings)


def _record_of(task: Task, settings: Settings) -> ScanRecord | None:
    """Return what an earlier run recorded of a scan; None where that cannot be read."""
    try:
        return read_record(settings.output_dir / path_of(task, QC))
    except (OSError, BrokenRecordError):
        return None


def _made_alike(record: ScanRecord, settings: Settings) -> bool:
    """Tell whether a record is of the same settings and the same version of ulfprep."""
    from ulfprep import __version__

    same = record.settings_hash == settings.digest()
    return same and record.versions.get('ulfprep') == __version__


def recalled(fusion: Fusion, settings: Settings) -> Fusion:
    """Return a fusion without the scans that an earlier run, the same in all, had to leave out.

    So that a finished group is known as such, and what cannot be registered is not tried again. No
    image that it makes has the name of one that an earlier run made of other scans.
    """
    fusion, digest = _kept_apart(fusion, settings), None
    for task in (*fusion.results(), *fusion.planned):
        record = _record_of(task, settings)
        if record is None or record.fusion is None or not _made_alike(record, settings):
            continue
        digest = digest or fusion_digest(fusion)
        if record.fusion.digest == digest:
            return fusion.without({one.name: one.reason for one in record.fusion.left_out})
    return fusion


def _kept_apart(fusion: Fusion, settings: Settings) -> Fusion:
    """Return a fusion whose images do not replace those that were made of other scans."""
    planned = {task.name for task in fusion.planned}

    def of_others(task: Task) -> bool:
        record = _record_of(task, settings)
        made = record.fusion if record else None
        return made is not None and planned.isdisjoint(one.name for one in made.scans)

    while found := {task.name for task in fusion.fused() if of_others(task)}:
        fusion = dataclasses.replace(fusion, taken=fusion.taken | found)
    return fusion


def missing_files(task: Task, settings: Settings) -> list[Path]:
    """Return those of a scan's files that are missing or empty."""
    out, network = settings.output_dir, asks_network(task.given, settings)
    return [
        path
        for path in golden_list(task, task.direction, settings.n_realisations, network)
        if not (out / path).is_file() or (out / path).stat().st_size == 0
    ]


def clashes(tasks: Iterable[Task], settings: Settings) -> dict[str, str]:
    """Return the scans that would write a file, or fill a folder, of another scan: name -> why.

    Names that differ in capital letters alone count as one: BIDS allows no such pairs, for many
    file systems hold but one of them.
    """
    owners: dict[str, tuple[Path, Scan]] = {}
    found: dict[str, str] = {}
    for task in tasks:
        scan, files = task.scan, _files(task, settings)
        for place in (*files, *_folders(task)):
            spelt, other = owners.setdefault(folded(place), (place, scan))
            # Scans may share a folder, if they call it the same.
            if other is not scan and (place in files or place != spelt):
                found.setdefault(scan.name, _sentence(scan, other, place == spelt))
                found.setdefault(other.name, _sentence(other, scan, place == spelt))
    return found


def _files(task: Task, settings: Settings) -> set[Path]:
    """Return all files that are made of a scan, those of the simulated dataset below ``raw``."""
    count = settings.n_realisations
    files = set(golden_list(task, task.direction, count))
    if task.direction == 'simulate' and settings.simulate_as_bids:
        files |= {Path('raw', raw_path(task.scan, k)) for k in range(1, count + 1)}
    return files


def _folders(task: Task) -> tuple[Path, ...]:
    """Return what a scan shares with others of its participant: folders, and the report."""
    folder, scan = path_of(task, QC).parent, task.scan
    return folder, *folder.parents[:-1], Path(session_name(scan.subject, scan.session))


def _sentence(scan: Scan, other: Scan, same: bool) -> str:
    how = 'have the same names as' if same else 'differ in capital letters alone from'
    return f'{scan.path}: its files would {how} those of {other.path}; rename one of the two'
