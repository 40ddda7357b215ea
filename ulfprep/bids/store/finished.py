"""Whether a scan needs more work, and what a run would do with each."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ulfprep.bids.names import folded, session_name
from ulfprep.bids.qc_file import BrokenRecordError, read_record
from ulfprep.bids.read.checks import read_grid
from ulfprep.bids.read.decision import decide
from ulfprep.bids.read.fusion import group_scans
from ulfprep.bids.read.nifti import UnusableScanError
from ulfprep.bids.read.scan import Fusion, Scan
from ulfprep.bids.write.derivatives import QC, asks_network, golden_list, path_of
from ulfprep.bids.write.provenance import fusion_digest, input_digest
from ulfprep.bids.write.simulated import raw_path
from ulfprep.record import ScanRecord
from ulfprep.settings import Settings


def is_finished(scan: Scan, settings: Settings, direction: str) -> bool:
    """Tell whether a scan needs no more work.

    It is finished if all its files are there and its QC file, which is written after the
    images, names the same settings, the same version of ulfprep and the same input.
    """
    record = _record_of(scan, settings)
    if record is None or not _made_alike(record, settings) or record.direction != direction:
        return False
    try:
        same = record.input_digest == input_digest(scan)
    except OSError:
        return False
    return same and not missing_files(scan, settings, direction)


def _record_of(scan: Scan, settings: Settings) -> ScanRecord | None:
    """Return what an earlier run recorded of a scan; None where that cannot be read."""
    try:
        return read_record(settings.output_dir / path_of(scan, QC))
    except (OSError, BrokenRecordError):
        return None


def _made_alike(record: ScanRecord, settings: Settings) -> bool:
    """Tell whether a record is of the same settings and the same version of ulfprep."""
    from ulfprep import __version__

    same = record.settings_hash == settings.digest()
    return same and record.versions.get('ulfprep') == __version__


def recalled(fusion: Fusion, settings: Settings) -> Fusion:
    """Return a fusion without the scans that an earlier run, the same in all, had to leave out.

    So that a finished group is known as such, and what cannot be registered is not tried again.
    No image that it makes has the name of one that an earlier run made of other scans.
    """
    fusion, digest = _kept_apart(fusion, settings), None
    for scan in (*fusion.results(), *fusion.planned):
        record = _record_of(scan, settings)
        if record is None or record.fusion is None or not _made_alike(record, settings):
            continue
        digest = digest or fusion_digest(fusion)
        if record.fusion.digest == digest:
            return fusion.without({one.name: one.reason for one in record.fusion.left_out})
    return fusion


def _kept_apart(fusion: Fusion, settings: Settings) -> Fusion:
    """Return a fusion whose images do not replace those that were made of other scans."""
    planned = {scan.name for scan in fusion.planned}

    def of_others(scan: Scan) -> bool:
        record = _record_of(scan, settings)
        made = record.fusion if record else None
        return made is not None and planned.isdisjoint(one.name for one in made.scans)

    while found := {scan.name for scan in fusion.fused() if of_others(scan)}:
        fusion = dataclasses.replace(fusion, taken=fusion.taken | found)
    return fusion


def missing_files(scan: Scan, settings: Settings, direction: str) -> list[Path]:
    """Return those of a scan's files that are missing or empty."""
    out, network = settings.output_dir, asks_network(scan, settings)
    return [
        path
        for path in golden_list(scan, direction, settings.n_realisations, network)
        if not (out / path).is_file() or (out / path).stat().st_size == 0
    ]


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


#: What can become of a scan.
RUN, FINISHED, REFUSED = 'run', 'finished before', 'refused'


@dataclass(frozen=True)
class Planned:
    """What a run would do with a scan.

    Attributes
    ----------
    name : str
        Of the scan.
    direction : str
        ``enhance``, ``simulate`` or, of a scan that is refused, nothing.
    fate : str
        :data:`RUN`, :data:`FINISHED` or :data:`REFUSED`.
    why : str
        Why it is refused, or what it is fitted together with.
    """

    name: str
    direction: str
    fate: str
    why: str = ''


def outlook(scans: list[Scan], settings: Settings) -> list[Planned]:
    """Say what a run would do with each scan.

    Of the images only headers are read, so a scan that is cut short or empty inside is not known
    as such here.

    Parameters
    ----------
    scans : list of Scan
    settings : Settings
        With ``device`` and ``segmentation`` resolved where scans may be finished.

    Returns
    -------
    list of Planned
        In the order of ``scans``.
    """
    found: dict[str, Planned] = {}
    usable: list[Scan] = []
    for scan in scans:
        try:
            direction = direction_of(scan, settings)
        except UnusableScanError as error:
            found[scan.name] = Planned(scan.name, '', REFUSED, str(error))
            continue
        done = not settings.force and is_finished(scan, settings, direction)
        found[scan.name] = Planned(scan.name, direction, FINISHED if done else RUN)
        usable.append(scan)
    for name, why in clashes([(s, found[s.name].direction) for s in usable], settings).items():
        found[name] = dataclasses.replace(found[name], fate=REFUSED, why=why)
    if settings.fuse != 'none':
        found |= _fused(scans, found, settings)
    return [found[scan.name] for scan in scans]


def direction_of(scan: Scan, settings: Settings) -> str:
    """Return ``enhance`` or ``simulate``.

    Raises
    ------
    UnusableScanError
        If header or sidecar tell that the scan cannot be processed.
    """
    if not scan.problem:  # else that is told, not what is wrong with the image too
        read_grid(scan.path)
    return decide(scan, settings).direction


def _fused(scans: list[Scan], found: dict[str, Planned], settings: Settings) -> dict[str, Planned]:
    """Return what becomes of scans that are fitted together."""
    wanted = [s for s in scans if found[s.name].direction in ('enhance', '')]
    beside = [s for s in scans if found[s.name].direction == 'simulate']
    refused = {n: plan.why for n, plan in found.items() if plan.fate == REFUSED}
    wanted.sort(key=lambda scan: scan.name)
    fusions, _ = group_scans(wanted, settings.fuse, _voxels(wanted), refused, beside)
    fused = {}
    for fusion in (recalled(fusion, settings) for fusion in fusions):
        if len(fusion.members) < 2:
            continue
        done = not settings.force and all(
            is_finished(result, settings, 'enhance') for result in fusion.results()
        )
        for scan in fusion.members:
            others = ', '.join(other.name for other in fusion.members if other is not scan)
            fused[scan.name] = dataclasses.replace(
                found[scan.name], fate=FINISHED if done else RUN, why=f'fitted with {others}'
            )
    return fused


def _voxels(scans: list[Scan]) -> dict[str, tuple[float, ...]]:
    """Return the voxel sizes of scans by their headers, mm."""
    from nibabel.affines import voxel_sizes

    voxels = {}
    for scan in scans:
        try:
            voxels[scan.name] = tuple(voxel_sizes(read_grid(scan.path)[1]).tolist())
        except UnusableScanError:
            continue  # which comes last, and is left out
    return voxels
