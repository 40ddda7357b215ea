"""What became of every scan that an output folder knows of: finished, failed or missing."""

import dataclasses
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from ulfprep.bids.names import entities_of, folded, natural, parse_name, session_name
from ulfprep.bids.store.records import SELECTED, read_failures, read_selection
from ulfprep.bids.task import Fusion, Scan, Task
from ulfprep.bids.write.derivatives import QC, asks_network, figures_of, golden_list, path_of
from ulfprep.bids.write.sidecars import BrokenRecordError, fusion_digest, input_digest, read_record
from ulfprep.bids.write.simulated import raw_path
from ulfprep.record import ScanRecord
from ulfprep.settings import MODALITIES, Settings

FINISHED, FAILED, MISSING = 'finished', 'failed', 'missing'
STOPPED = 'selected, but neither finished nor failed: its run was stopped, or is still running'
LEFTOVER = 'left files but no QC file: its run was stopped, or is still running'


@dataclass(frozen=True)
class Outcome:
    """What became of one scan: ``finished``, ``failed`` or ``missing``.

    Attributes
    ----------
    record : ScanRecord or None
        None unless finished.
    reason : str
        Why it is not finished; of a finished scan, how a run of it failed as well.
    node, run : str
        Step that failed, and the folder of that run's log; empty if unknown.
    report : str
        Name of its report, empty where there is none.
    """

    name: str
    subject: str
    session: str | None
    modality: str
    status: str
    record: ScanRecord | None = None
    reason: str = ''
    node: str = ''
    run: str = ''
    figures: dict[str, Path] = field(default_factory=dict)
    report: str = ''

    @property
    def role(self) -> str:
        """What there is of it (:class:`ulfprep.bids.task.Task`)."""
        role = self.record.fusion.role if self.record and self.record.fusion else 'scan'
        return 'scan' if role == 'alone' else role

    @property
    def wanted_figures(self) -> tuple[str, ...]:
        """Figures that belong to a finished scan; of another nothing can be expected."""
        if self.record is None:
            return ()
        return figures_of(self.record.direction, self.role, self.record.used_network)

    @property
    def missing_figures(self) -> list[str]:
        """Figures that belong to a finished scan and are not there."""
        return [name for name in self.wanted_figures if name not in self.figures]


def find_outcomes(
    output_dir: Path, subject: str = '*', failed: Collection[str] = ()
) -> tuple[list[Outcome], list[str]]:
    """Return what became of every scan of an output folder, in natural order.

    Nothing but the folder is read. It may be written to meanwhile: what vanishes or is not there
    yet is missing, not an error.

    Parameters
    ----------
    subject : str
        Label of the only participant to look at; all without.
    failed : collection of str
        Names of scans that failed although the folder may not know of it (on a full disk).

    Returns
    -------
    outcomes : list of Outcome
    problems : list of str
        A line for every QC file that cannot be read.
    """
    records, problems = _qc_records(output_dir, subject)
    broken = {n: _file_of(n) for n in problems if n not in records}
    figures = _figures(output_dir, subject)
    failures = {str(record['scan']): record for record in read_failures(output_dir)}
    failures |= {name: {} for name in failed if name and name not in failures}
    selected = _selected(output_dir, subject)
    names = {*records, *broken, *figures, *failures, *selected}
    out_of = _left_out(records)
    outcomes = []
    for name in names:
        parsed = parse_name(name)
        entities = parsed.entities
        place = entities.get('subject'), entities.get('session')
        if parsed.suffix not in MODALITIES or not place[0] or subject not in ('*', place[0]):
            continue
        failure = failures.get(name)
        if name in records:
            status, reason = FINISHED, _gist(failure)
        elif failure is not None:
            status, reason = FAILED, _gist(failure)
        elif name in broken:
            reason = f'its QC file {broken[name]} cannot be read; run the scan again'
            status = FAILED
        else:
            status = MISSING
            reason = out_of.get(name) or (STOPPED if name in selected else LEFTOVER)
        report = f'{session_name(*place)}.html'
        outcomes.append(
            Outcome(
                name,
                *place,
                parsed.suffix,
                status,
                records.get(name),
                reason,
                str((failure or {}).get('node') or ''),
                str((failure or {}).get('run') or ''),
                figures.get(name, {}),
                report if (output_dir / report).is_file() else '',
            )
        )
    return sorted(outcomes, key=lambda one: natural(one.name)), list(problems.values())


def _qc_records(output_dir, subject):
    """Return scan name -> record, and scan name -> what is wrong with its file."""
    records, problems = {}, {}
    for pattern in ('anat/*_desc-qc_*.json', 'ses-*/anat/*_desc-qc_*.json'):
        for path in sorted(output_dir.glob(f'sub-{subject}/{pattern}')):
            name = parse_name(path).scan
            try:
                records[name] = read_record(path)
            except FileNotFoundError:  # a run that begins removes what it will write anew
                continue
            except BrokenRecordError as error:
                problems[name] = str(error)
    return records, problems


def _figures(output_dir, subject):
    """Return scan name -> figure -> file."""
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(output_dir.glob(f'sub-{subject}/figures/*.svg')):
        name = parse_name(path)
        if 'desc' in name.pairs:
            found.setdefault(name.scan, {})[name.pairs['desc']] = path
    return found


def _selected(output_dir, subject):
    """Return the names of all scans that some run was going to process."""
    names = set()
    folder = output_dir / SELECTED
    own = folder.glob(f'sub-{subject}.json'), folder.glob(f'sub-{subject}_ses-*.json')
    for path in sorted(set(chain(*own))):
        labels = entities_of(path.stem)
        images = read_selection(output_dir, labels['subject'], labels.get('session'))
        names |= {parse_name(one['image']).whole for one in images if one['selected']}
    return names


def _file_of(name):
    """Return the name of the QC file of a scan."""
    scan = parse_name(name)
    return f'{scan.stem}_desc-qc_{scan.suffix}.json'


def _left_out(records):
    """Return why scans were left out of what they were meant to be fitted in."""
    return {
        one.name: f'left out of the fusion: {one.reason}'
        for record in records.values()
        for one in (record.fusion.left_out if record.fusion else ())
    }


def _gist(failure):
    """Return a failure as one line."""
    if not failure:
        return ''
    text = ' '.join(str(failure.get('message') or '').split())
    return text or str(failure.get('kind') or 'no message was recorded')


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
