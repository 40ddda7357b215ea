"""What became of every scan that an output folder knows of: finished, failed or missing."""

import dataclasses
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ulfprep.bids.names import entities_of, folded, natural, parse_name, session_name
from ulfprep.bids.store.records import (
    SELECTED,
    BrokenRecordError,
    read_failures,
    read_record,
    read_selection,
)
from ulfprep.bids.task import Fusion, Scan, Task
from ulfprep.bids.write.derivatives import QC, asks_network, figures_of, golden_list, path_of
from ulfprep.bids.write.sidecars import fusion_digest, input_digest
from ulfprep.bids.write.simulated import raw_path
from ulfprep.record import ScanRecord
from ulfprep.settings import MODALITIES, Settings

FINISHED, FAILED, MISSING = 'finished', 'failed', 'missing'
STOPPED = 'selected, but neither finished nor failed: its run was stopped, or is still running'
LEFTOVER = 'left files but no QC file: its run was stopped, or is still running'


@dataclass(frozen=True)
class Outcome:
    """What became of one scan: ``finished`` (then there is a record), ``failed`` or ``missing``.

    ``reason`` says why it is not finished, or how a run of a finished one failed as well; ``node``
    and ``run`` are the step that failed and the folder of that run's log, as far as known.
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
    """Return what became of every scan of an output folder, in natural order, and problems.

    Nothing but the folder is read. It may be written to meanwhile: what vanishes or is not there
    yet is missing, not an error. A problem is a line, of a QC file that cannot be read. ``failed``
    are names of scans that failed although the folder may not know of it (on a full disk).
    """
    records, problems = _qc_records(output_dir, subject)
    figures = _figures(output_dir, subject)
    failures = {name: {} for name in failed if name}
    failures |= {str(record['scan']): record for record in read_failures(output_dir)}
    selected = _selected(output_dir, subject)
    out_of = {
        one.name: f'left out of the fusion: {one.reason}'
        for record in records.values()
        for one in (record.fusion.left_out if record.fusion else ())
    }
    outcomes = []
    for name in {*records, *problems, *figures, *failures, *selected}:
        parsed = parse_name(name)
        label, session = (parsed.entities.get(key) for key in ('subject', 'session'))
        if parsed.suffix not in MODALITIES or not label or subject not in ('*', label):
            continue
        failure = failures.get(name, {})
        status, reason = FAILED, _gist(failure)
        if name in records:
            status = FINISHED
        elif name not in failures and name in problems:
            file = f'{parsed.stem}_desc-qc_{parsed.suffix}.json'
            reason = f'its QC file {file} cannot be read; run the scan again'
        elif name not in failures:
            status = MISSING
            reason = out_of.get(name) or (STOPPED if name in selected else LEFTOVER)
        report = f'{session_name(label, session)}.html'
        outcomes.append(
            Outcome(
                name,
                label,
                session,
                parsed.suffix,
                status,
                records.get(name),
                reason,
                node=str(failure.get('node') or ''),
                run=str(failure.get('run') or ''),
                figures=figures.get(name, {}),
                report=report if (output_dir / report).is_file() else '',
            )
        )
    return sorted(outcomes, key=lambda one: natural(one.name)), list(problems.values())


def _qc_records(output_dir: Path, subject: str) -> tuple[dict[str, ScanRecord], dict[str, str]]:
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


def _figures(output_dir: Path, subject: str) -> dict[str, dict[str, Path]]:
    """Return scan name -> figure -> file."""
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(output_dir.glob(f'sub-{subject}/figures/*.svg')):
        name = parse_name(path)
        if 'desc' in name.pairs:
            found.setdefault(name.scan, {})[name.pairs['desc']] = path
    return found


def _selected(output_dir: Path, subject: str) -> set[str]:
    """Return the names of all scans that some run was going to process."""
    names, folder = set(), output_dir / SELECTED
    for path in {*folder.glob(f'sub-{subject}.json'), *folder.glob(f'sub-{subject}_ses-*.json')}:
        labels = entities_of(path.stem)
        images = read_selection(output_dir, labels['subject'], labels.get('session'))
        names |= {parse_name(one['image']).whole for one in images if one['selected']}
    return names


def _gist(failure: dict) -> str:
    """Return a failure as one line."""
    text = ' '.join(str(failure.get('message') or '').split())
    return text or (str(failure.get('kind') or 'no message was recorded') if failure else '')


def is_finished(task: Task, settings: Settings) -> bool:
    """Tell whether a scan needs no more work.

    It is finished if all its files are there and its QC file, which is written after the images,
    names the same settings, the same version of ulfprep and the same input.
    """
    record = _record_of(task, settings)
    if record is None or not _made_alike(record, settings) or record.direction != task.direction:
        return False
    try:
        return record.input_digest == input_digest(task) and not missing_files(task, settings)
    except OSError:
        return False


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
    """Return name -> why, of scans that would write a file or fill a folder of another scan.

    Names that differ in capital letters alone count as one: BIDS allows no such pairs, for many
    file systems hold but one of them.
    """
    owners: dict[str, tuple[Path, Scan]] = {}
    found: dict[str, str] = {}
    for task in tasks:
        scan, files = task.scan, _files(task, settings)
        # What it shares with others of its participant: folders, and the report.
        folder = path_of(task, QC).parent
        report = Path(session_name(scan.subject, scan.session))
        for place in (*files, folder, *folder.parents[:-1], report):
            spelt, other = owners.setdefault(folded(place), (place, scan))
            # Scans may share a folder, if they call it the same.
            if other is not scan and (place in files or place != spelt):
                how = (
                    'have the same names as'
                    if place == spelt
                    else 'differ in capital letters alone from'
                )
                for one, two in ((scan, other), (other, scan)):
                    text = f'{one.path}: its files would {how} those of {two.path}'
                    found.setdefault(one.name, f'{text}; rename one of the two')
    return found


def _files(task: Task, settings: Settings) -> set[Path]:
    """Return all files that are made of a scan, those of the simulated dataset below ``raw``."""
    count = settings.n_realisations
    files = set(golden_list(task, task.direction, count))
    if task.direction == 'simulate' and settings.simulate_as_bids:
        files |= {Path('raw', raw_path(task.scan, k)) for k in range(1, count + 1)}
    return files
