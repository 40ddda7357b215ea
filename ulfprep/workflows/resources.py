"""How much memory the process of a scan needs, by the size of its image."""

import math
from collections.abc import Iterable
from pathlib import Path

from ulfprep.bids.read.checks import read_grid
from ulfprep.bids.read.highfield import why_not
from ulfprep.bids.read.nifti import UnusableScanError
from ulfprep.bids.read.scan import Scan
from ulfprep.settings import Settings

#: What a process holds whatever its scan, GB, and bytes a point: a quarter or more over what was
#: measured, 1.60 GB on a scan of 64 mT of 5.2 litres, 1.91 on the same rendered at 0.5 mm, 2.36 on
#: three fused scans of 7.9 litres each and 1.78 on a head of 256^3 that is simulated.
BASE, PER_POINT = 1.7, 64
#: The same with SynthSeg, which was not measured here. Published are 7.5 GB for a usual T1w
#: (QSIPrep) and 24 GB as what FreeSurfer 8 asks for; its activations lie on a 1 mm grid. This is
#: 12 to 16 GB for scans of 64 mT and 22 GB for a head of 256^3.
SYNTHSEG_BASE, SYNTHSEG_PER_POINT = 8.0, 900


def points_of(path: Path, spacing: float = 1.0) -> float:
    """Return the points of an image, or of a lattice over its field of view if those are more.

    Only the header is read; an image that cannot be read has none: its own step says why.

    Parameters
    ----------
    path : Path
    spacing : float
        Of the lattice, mm.
    """
    try:
        shape, affine = read_grid(path)
    except UnusableScanError:
        return 0.0
    voxels = math.prod(shape)
    volume = voxels * math.prod(math.hypot(*column) for column in affine[:3, :3].T)
    return max(voxels, volume / spacing**3)


def need_gb(scans: Iterable[Scan], settings: Settings, direction: str = 'enhance') -> float:
    """Return the memory that a scan, or scans fitted together, may take in their process, GB.

    High-field images that they are held against are counted too.

    Parameters
    ----------
    scans : iterable of Scan
    settings : Settings
    direction : {'enhance', 'simulate'}
    """
    finest = min(1.0, settings.output_resolution) if direction == 'enhance' else 1.0
    each = [points_of(scan.path, finest) for scan in scans]
    each += [points_of(scan.highfield.path) for scan in scans if not why_not(scan)]
    need = BASE + PER_POINT * sum(each) / 2**30
    if settings.segmentation == 'synthseg':
        synthseg = SYNTHSEG_BASE + SYNTHSEG_PER_POINT * max(each, default=0.0) / 2**30
        return max(need, synthseg)
    return need


def how_many(needs: list[float], memory_gb: float) -> int:
    """Return how many scans fit into memory together, whichever they are; one always may.

    Parameters
    ----------
    needs : list of float
        Of each scan, GB.
    memory_gb : float
    """
    total = 0.0
    for count, need in enumerate(sorted(needs, reverse=True)):
        total += need
        if total > memory_gb:
            return max(1, count)
    return max(1, len(needs))
