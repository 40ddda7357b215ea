"""Scans whose files would take each other's place."""

from collections.abc import Iterable
from pathlib import Path

from ulfprep.bids.dataset import Scan
from ulfprep.bids.derivatives import QC, golden_list, path_of
from ulfprep.bids.names import folded, session_name
from ulfprep.bids.simulated import raw_path
from ulfprep.settings import Settings


def clashes(made: Iterable[tuple[Scan, str]], settings: Settings) -> dict[str, str]:
    """Return the scans that would write a file, or fill a folder, of another scan.

    Names that differ in capital letters alone count as one: BIDS allows no such pairs, for many
    file systems hold but one of them.

    Parameters
    ----------
    made : iterable of (Scan, str)
        Each with its direction, ``enhance`` or ``simulate``.
    settings : Settings
        Only ``n_realisations`` and ``simulate_as_bids`` are used.

    Returns
    -------
    dict
        Name of a scan -> why it cannot be processed, a line that names both files and the way out.
    """
    owners: dict[str, tuple[Path, Scan]] = {}
    found: dict[str, str] = {}
    for scan, direction in made:
        files = _files(scan, direction, settings)
        for place in (*files, *_folders(scan)):
            spelt, other = owners.setdefault(folded(place), (place, scan))
            # Scans may share a folder, if they call it the same.
            if other is not scan and (place in files or place != spelt):
                found.setdefault(scan.name, _sentence(scan, other, place == spelt))
                found.setdefault(other.name, _sentence(other, scan, place == spelt))
    return found


def _files(scan: Scan, direction: str, settings: Settings) -> set[Path]:
    """Return all files that are made of a scan, those of the simulated dataset below ``raw``."""
    count = settings.n_realisations
    files = set(golden_list(scan, direction, count))
    if direction == 'simulate' and settings.simulate_as_bids:
        files |= {Path('raw', raw_path(scan, k)) for k in range(1, count + 1)}
    return files


def _folders(scan: Scan) -> tuple[Path, ...]:
    """Return what a scan shares with others of its participant: folders, and the report."""
    folder = path_of(scan, QC).parent
    return folder, *folder.parents[:-1], Path(session_name(scan.subject, scan.session))


def _sentence(scan: Scan, other: Scan, same: bool) -> str:
    how = 'have the same names as' if same else 'differ in capital letters alone from'
    return f'{scan.path}: its files would {how} those of {other.path}; rename one of the two'
