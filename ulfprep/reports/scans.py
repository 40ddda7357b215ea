"""What an output folder holds about the scans of one participant and session."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

_QC = re.compile(r'(?P<stem>sub-[^_]+(?:_[a-z]+-[^_]+)*)_desc-qc_T1w\.json')
_FIGURE = re.compile(r'(?P<stem>sub-[^_]+(?:_[a-z]+-[^_]+)*)_desc-(?P<name>[^_]+)_T1w\.svg')
UNFINISHED = 'it has no QC file, so its processing did not finish'
_NATURAL = re.compile(r'(\d+)')


@dataclass
class ReportedScan:
    """One scan as its derivatives describe it.

    Attributes
    ----------
    stem : str
        Name without ``desc`` and suffix, such as ``sub-01_ses-A_run-1``.
    qc : dict
        Content of the QC file; empty where there is none.
    figures : dict of str to Path
        Figure name -> SVG file.
    problem : str
        Why ``qc`` is empty, ``''`` where it is not.
    """

    stem: str
    qc: dict = field(default_factory=dict)
    figures: dict[str, Path] = field(default_factory=dict)
    problem: str = ''

    @property
    def label(self):
        """Entities that tell this scan from the others of its session."""
        own = [e for e in self.stem.split('_') if not e.startswith(('sub-', 'ses-'))]
        return ' '.join(own) or 'T1w'


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
        Names (stems) of scans that are known to have failed; they are listed even where
        they left no file.

    Returns
    -------
    list of ReportedScan
        In natural order (run-2 before run-10). A scan that left figures but no QC file
        is listed too: it did not finish, and its report should say so.
    """
    folder = Path(output_dir) / f'sub-{subject}'
    anat = folder / f'ses-{session}' / 'anat' if session else folder / 'anat'
    start = f'sub-{subject}' + (f'_ses-{session}' if session else '')
    scans = {}
    for path in sorted(anat.glob('*_desc-qc_T1w.json')):
        match = _QC.fullmatch(path.name)
        if match and _belongs(match['stem'], start, session):
            qc, problem = _read(path)
            scans[match['stem']] = ReportedScan(match['stem'], qc, problem=problem)
    for path in sorted((folder / 'figures').glob('*_T1w.svg')):
        match = _FIGURE.fullmatch(path.name)
        if not match or not _belongs(match['stem'], start, session):
            continue
        scan = scans.setdefault(match['stem'], ReportedScan(match['stem'], problem=UNFINISHED))
        scan.figures[match['name']] = path
    for stem in sorted(failed):
        if _belongs(stem, start, session):
            scans.setdefault(stem, ReportedScan(stem, problem=UNFINISHED))
    return sorted(scans.values(), key=lambda scan: _natural(scan.stem))


def _belongs(stem, start, session):
    """Tell whether a name starts with the whole entities of ``start``, and no other session."""
    same = stem == start or stem.startswith(f'{start}_')
    return same and (session is not None or '_ses-' not in stem)


def _read(path):
    """Return the QC file's content and what is wrong with it."""
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        return {}, f'its QC file {path.name} cannot be read ({error})'
    if not isinstance(content, dict):
        return {}, f'its QC file {path.name} does not hold an object'
    return content, ''


def _natural(text):
    return [int(part) if part.isdigit() else part for part in _NATURAL.split(text)]
