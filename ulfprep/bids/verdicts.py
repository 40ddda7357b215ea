"""Records of scans that failed, kept until they are finished.

``logs/verdicts/<scan name>.json`` outlives the run, so that reports and the group level know of
what is missing and why.
"""

from pathlib import Path

from ulfprep.bids.dataset import Scan
from ulfprep.bids.files import read_json, write_json

FOLDER = Path('logs/verdicts')
#: What each record holds.
FIELDS = ('scan', 'entities', 'status', 'node', 'kind', 'message', 'traceback', 'run')


def verdict_path(output_dir: Path, name: str) -> Path:
    """Return where the record of a scan is kept, by the scan's name."""
    return output_dir / FOLDER / f'{name}.json'


def write_verdict(
    output_dir: Path,
    scan: Scan,
    *,
    node: str,
    kind: str,
    message: str,
    traceback: str = '',
    run: str = '',
) -> Path:
    """Record that a scan failed, over any older record of it.

    Parameters
    ----------
    output_dir : Path
    scan : Scan
    node : str
        Full name of the node that failed.
    kind : str
        Class of the error.
    message, traceback : str
        What it said.
    run : str
        Folder of the run's log, relative to the output folder.
    """
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
    return write_json(verdict_path(output_dir, scan.name), record)


def remove_verdict(output_dir: Path, scan: Scan) -> None:
    """Forget that a scan failed."""
    verdict_path(output_dir, scan.name).unlink(missing_ok=True)


def read_verdicts(output_dir: Path) -> list[dict]:
    """Return the records of all scans that failed and are not finished since, by name.

    What is no such record (a file that someone else put there, or half of one) is left out.
    """
    records = []
    for path in sorted((output_dir / FOLDER).glob('*.json')):
        if path.name.startswith('.'):
            continue
        try:
            record = read_json(path)
        except (OSError, ValueError):
            continue
        if isinstance(record, dict) and all(field in record for field in FIELDS):
            records.append(record)
    return records
