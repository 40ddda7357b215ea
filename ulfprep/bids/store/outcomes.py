"""What became of every scan that an output folder knows of: finished, failed or missing."""

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from ulfprep.bids.names import entities_of, natural, parse_name, session_name
from ulfprep.bids.qc_file import BrokenRecordError, read_record
from ulfprep.bids.store.records import SELECTED, read_failures, read_selection
from ulfprep.bids.write.figures import figures_of
from ulfprep.record import ScanRecord
from ulfprep.settings import MODALITIES

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
