"""What the steps of a scan took of a machine, kept beside the results and not in them.

``logs/resources/<scan name>.json``: times differ from run to run, and derivatives must not.
"""

from collections.abc import Iterable
from pathlib import Path

from ulfprep.bids.files import read_json, write_json

FOLDER = Path('logs/resources')
#: What is known of each step.
FIELDS = ('node', 'seconds', 'cpu_seconds', 'peak_gb', 'n_procs')


def resources_path(output_dir: Path, scan_name: str) -> Path:
    """Return where the record of a scan is kept, by the scan's name."""
    return output_dir / FOLDER / f'{scan_name}.json'


def write_resources(
    output_dir: Path, scan_name: str, nodes: list[dict], shared_with: Iterable[str] = ()
) -> Path:
    """Write what the steps of a scan took.

    Parameters
    ----------
    output_dir : Path
    scan_name : str
    nodes : list of dict
        Of each step :data:`FIELDS`: its name, wall-clock and CPU seconds, the most memory
        that its process held (GB), and the CPUs it was given.
    shared_with : iterable of str
        Names of scans that the steps were run for as well.

    Returns
    -------
    Path
    """
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
    try:
        record = read_json(resources_path(output_dir, scan_name))
    except (OSError, ValueError):
        return None
    nodes = record.get('nodes') if isinstance(record, dict) else None
    if not isinstance(nodes, list) or not all(
        isinstance(node, dict) and all(field in node for field in FIELDS) for node in nodes
    ):
        return None
    return record
