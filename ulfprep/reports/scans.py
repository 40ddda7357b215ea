"""What an output folder holds about the scans of one participant and session."""

from dataclasses import dataclass, field
from pathlib import Path

from ulfprep.bids.files import read_json
from ulfprep.bids.names import natural, parse_name
from ulfprep.bids.store.outcomes import figure_files, qc_files
from ulfprep.settings import MODALITIES

UNFINISHED = 'it has no QC file, so its processing did not finish'


@dataclass
class ReportedScan:
    """One scan as its derivatives describe it.

    Attributes
    ----------
    name : str
        Name without ``desc``, such as ``sub-01_ses-A_run-1_T1w``.
    qc : dict
        Content of the QC file; empty where there is none.
    figures : dict of str to Path
        Figure name -> SVG file.
    problem : str
        Why ``qc`` is empty, ``''`` where it is not.
    """

    name: str
    qc: dict = field(default_factory=dict)
    figures: dict[str, Path] = field(default_factory=dict)
    problem: str = ''

    @property
    def label(self):
        """Entities that tell this scan from the others of its session."""
        label = ' '.join(e for e in self.name.split('_') if not e.startswith(('sub-', 'ses-')))
        fused = (self.qc.get('fusion') or {}).get('role') == 'fused'
        return f'{label} (fused)' if fused else label


def find_scans(output_dir, subject, session=None, failed=()):
    """Find the scans of one participant and session in an output folder.

    Parameters
    ----------
    output_dir : path-like
    subject : str
        Label without ``sub-``.
    session : str or None
        Label without ``ses-``; ``None`` means scans that belong to no session.
    failed : collection of str
        Names of scans that are known to have failed; they are listed even where
        they left no file.

    Returns
    -------
    list of ReportedScan
        In natural order (run-2 before run-10). A scan that left figures but no QC file
        is listed too: it did not finish, and its report should say so.
    """
    output_dir = Path(output_dir)
    scans = {}

    def belongs(scan_name):
        name = parse_name(scan_name)
        place = name.entities.get('subject'), name.entities.get('session')
        return place == (subject, session) and name.suffix in MODALITIES

    for name, path in qc_files(output_dir, subject).items():
        if belongs(name):
            qc, problem = _read(path)
            scans[name] = ReportedScan(name, qc, problem=problem)
    for name, figures in figure_files(output_dir, subject).items():
        if belongs(name):
            scans.setdefault(name, ReportedScan(name, problem=UNFINISHED)).figures = figures
    for name in sorted(failed):
        if belongs(name):
            scans.setdefault(name, ReportedScan(name, problem=UNFINISHED))
    return sorted(scans.values(), key=lambda scan: natural(scan.name))


def _read(path):
    """Return the QC file's content and what is wrong with it."""
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        return {}, f'its QC file {path.name} cannot be read ({error})'
    if not isinstance(content, dict):
        return {}, f'its QC file {path.name} does not hold an object'
    return content, ''
