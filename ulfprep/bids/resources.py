"""What a scan took: time and memory of its steps, kept apart from its results."""

from pathlib import Path

from ulfprep.bids.files import read_json


def read_resources(output_dir: Path, scan_name: str) -> dict | None:
    """Return what a scan took, or None where that was not measured or cannot be read."""
    try:
        record = read_json(Path(output_dir) / 'logs' / 'resources' / f'{scan_name}.json')
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None
