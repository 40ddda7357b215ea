"""Records of scans: of results, which were selected, which failed, their cost.

``logs/selection``, ``logs/verdicts`` and ``logs/resources``: the first two are for reports and the
group level; times differ from run to run, and derivatives must not.
"""

from collections.abc import Iterable
from pathlib import Path

from ulfprep.bids.files import read_json, write_json
from ulfprep.bids.names import session_name
from ulfprep.bids.read.dataset import Selection
from ulfprep.bids.read.filters import unused_queries
from ulfprep.bids.task import Scan
from ulfprep.record import ScanRecord
from ulfprep.settings import Settings

SELECTED, FAILURES, COSTS = (Path('logs', name) for name in ('selection', 'verdicts', 'resources'))
#: What the record of a failure holds, and that of each step's cost.
OF_FAILURE = ('scan', 'entities', 'status', 'node', 'kind', 'message', 'traceback', 'run')
OF_COST = ('node', 'seconds', 'cpu_seconds', 'peak_gb', 'n_procs')
Place = tuple[str, str | None]


def session_images(selection: Selection, settings: Settings) -> dict[Place, list[tuple]]:
    """Return session -> ``(file name, selected, sentence)`` of its images, if any is processed."""
    alike: dict[tuple, list[Scan]] = {}
    for scan in selection.scans:
        alike.setdefault((scan.subject, scan.session, scan.suffix), []).append(scan)
    found: dict[Place, list[tuple]] = {}
    together = 'each is processed by itself'
    if settings.fuse != 'none':
        together = f'--fuse {settings.fuse} says which are fitted together'
    for (subject, session, suffix), scans in alike.items():
        whole = 'session' if session else 'participant'
        for number, scan in enumerate(scans, start=1):
            text = f'{number} of {len(scans)} {suffix} in this {whole}; {together}'
            if len(scans) == 1:
                text = f'the only {suffix} selected of this {whole}'
            row = (scan.path.name, True, f'selected ({text})')
            found.setdefault((subject, session), []).append(row)
    for image in selection.left_out:
        place = (image.subject, image.session)
        if place in found:
            found[place].append((image.path.name, False, f'left out: {image.reason}'))
    places = sorted(found, key=lambda place: (place[0], place[1] or ''))
    return {place: sorted(found[place]) for place in places}


def selection_lines(selection: Selection, settings: Settings) -> list[str]:
    """Return what was selected for the log: a line an image, and one of all other sessions."""
    by_session = session_images(selection, settings)
    names = {scan.path.name: scan.name for scan in selection.scans}
    rows = [row for rows in by_session.values() for row in rows]
    lines = [f'{names.get(name, name)}: {text}' for name, _, text in rows]
    others = [i for i in selection.left_out if (i.subject, i.session) not in by_session]
    # Scans but for their names: nobody may be left out in silence for that.
    lines += [f'{i.path.name}: left out: {i.reason}' for i in others if i.misnamed]
    if others := [image for image in others if not image.misnamed]:
        sessions = len({(image.subject, image.session) for image in others})
        lines.append(
            f'{len(others)} image(s) of {sessions} other session(s) left out, such as '
            f'{others[0].path.name}: {others[0].reason}'
        )
    if unused := unused_queries(settings.bids_filters):
        lines.append(f'--bids-filter-file: passed over as queries of others: {", ".join(unused)}')
    return lines


def write_selection(selection: Selection, settings: Settings) -> None:
    """Write what was selected of each session where its report finds it."""
    for (subject, session), rows in session_images(selection, settings).items():
        images = [{'image': name, 'selected': yes, 'text': text} for name, yes, text in rows]
        path = settings.output_dir / SELECTED / f'{session_name(subject, session)}.json'
        write_json(path, {'images': images})


def read_selection(output_dir: Path, subject: str, session: str | None) -> list[dict]:
    """Return ``image``, ``selected`` and ``text`` of each image of a session, as far as known."""
    try:
        path = Path(output_dir) / SELECTED / f'{session_name(subject, session)}.json'
        return [
            {'image': str(i['image']), 'selected': bool(i['selected']), 'text': str(i['text'])}
            for i in read_json(path)['images']
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []


class BrokenRecordError(ValueError):
    """A QC file that holds no record of a scan, such as one of an older version."""


def read_record(path: Path) -> ScanRecord:
    """Return the record of a QC file, or raise FileNotFoundError or BrokenRecordError."""
    try:
        return ScanRecord.from_json(read_json(path))
    except FileNotFoundError:  # a run that begins removes what it will write anew
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        text = f'{path}: not a readable QC file ({error!r}); run its scan again'
        raise BrokenRecordError(text) from error


def failure_path(output_dir: Path, name: str) -> Path:
    """Return where it is recorded that a scan failed, by the scan's name."""
    return output_dir / FAILURES / f'{name}.json'


def write_failure(
    output_dir: Path,
    scan: Scan,
    *,
    node: str,
    kind: str,
    message: str,
    traceback: str = '',
    run: str = '',
) -> Path:
    """Record that a scan failed (``run`` is the folder of its log), until it is finished."""
    record = {
        'scan': scan.name,
        'entities': {**scan.entities, 'session': scan.session, 'suffix': scan.suffix},
        'source': scan.source,
        'status': 'failed',
        'node': node,
        'kind': kind,
        'message': message,
        'traceback': traceback,
        'run': run,
    }
    return write_json(failure_path(output_dir, scan.name), record)


def remove_failure(output_dir: Path, scan: Scan) -> None:
    """Forget that a scan failed."""
    failure_path(output_dir, scan.name).unlink(missing_ok=True)


def read_failures(output_dir: Path) -> list[dict]:
    """Return the records of all failed scans, by name; what is no such record is left out."""
    paths = sorted((output_dir / FAILURES).glob('[!.]*.json'))
    return [record for path in paths if (record := _read(path, OF_FAILURE))]


def _read(path: Path, fields: Iterable[str]) -> dict | None:
    """Return a record that has certain fields; None where there is none that can be read."""
    try:
        record = read_json(path)
    except (OSError, ValueError):
        return None
    return record if _holds(record, fields) else None


def _holds(content, fields: Iterable[str]) -> bool:
    return isinstance(content, dict) and content.keys() >= set(fields)


def resources_path(output_dir: Path, scan_name: str) -> Path:
    """Return where it is recorded what a scan took of a machine, by the scan's name."""
    return output_dir / COSTS / f'{scan_name}.json'


def write_resources(
    output_dir: Path, scan_name: str, nodes: list[dict], shared_with: Iterable[str] = ()
) -> Path:
    """Write what the steps of a scan, and of others with it, took: :data:`OF_COST` of each."""
    record = {
        'scan': scan_name,
        'shared_with': list(shared_with),
        'nodes': nodes,
        # Of all steps together, whichever run did them; steps side by side count each.
        'seconds': round(sum(node['seconds'] for node in nodes), 2),
        'cpu_seconds': round(sum(node['cpu_seconds'] for node in nodes), 2),
        'peak_gb': max((node['peak_gb'] for node in nodes), default=0.0),
    }
    return write_json(resources_path(output_dir, scan_name), record)


def read_resources(output_dir: Path, scan_name: str) -> dict | None:
    """Return the record of a scan; None where there is none, or none that can be read."""
    record = _read(resources_path(output_dir, scan_name), ('nodes',))
    nodes = record['nodes'] if record else None
    if isinstance(nodes, list) and all(_holds(node, OF_COST) for node in nodes):
        return record
    return None
