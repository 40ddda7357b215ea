"""How much memory the steps of a scan need, by the size of its image."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ulfprep.bids.read.checks import read_grid
from ulfprep.bids.read.highfield import why_not
from ulfprep.bids.read.nifti import UnusableScanError
from ulfprep.bids.read.scan import Scan
from ulfprep.settings import Settings

#: What a worker holds before it reads an image, GB: Python, Nipype, torch, Matplotlib.
BASE = 0.8


@dataclass(frozen=True)
class Need:
    """Memory of a step.

    Attributes
    ----------
    base : float
        Whatever the image, GB.
    per_voxel : float
        Bytes a voxel of the scan.
    per_point : float
        Bytes a point of the fine grid over its field of view.
    """

    base: float = BASE
    per_voxel: float = 0.0
    per_point: float = 0.0


#: Of each node by its name: a quarter over what was measured on a 64 mT scan of 0.6 million voxels
#: and on heads of 17 and 49 million.
NEEDS = {
    'check': Need(per_voxel=16),
    'conform': Need(per_voxel=32),
    'brain_mask': Need(1.25, per_voxel=32),
    'bias': Need(per_voxel=48),
    'tissues': Need(per_voxel=48, per_point=48),
    'apply_mask': Need(per_voxel=24),
    'fast': Need(per_voxel=80),
    # Not measured here. Published are 7.5 GB for a usual T1w (QSIPrep) and 24 GB as what
    # FreeSurfer 8 asks for; its activations lie on a 1 mm grid over the whole field of view.
    # This is 12 to 16 GB for scans of 64 mT and 22 GB for a head of 256^3.
    'synthseg': Need(8.0, per_point=900),
    'plan': Need(per_voxel=80),
    'measure': Need(per_voxel=80),
    'simulate': Need(per_voxel=60),
    'fit': Need(1.25, per_voxel=80, per_point=120),
    'render': Need(1.25, per_point=120),
    'residual': Need(per_voxel=40, per_point=80),
    'bicubic': Need(per_point=60),
    'metrics': Need(per_voxel=60, per_point=80),
    'compare': Need(per_voxel=60, per_point=170),
    'together': Need(per_voxel=48, per_point=48),
    'register': Need(per_voxel=60),
    'derivatives': Need(1.0, per_voxel=16, per_point=16),
    'figures': Need(1.0, per_voxel=40, per_point=40),
}
#: Of steps that are not listed: those hardly compute.
OTHER = Need(0.25)
#: Steps there are only where a scan is enhanced.
ENHANCING = frozenset({'fit', 'render', 'residual', 'bicubic', 'together', 'register'})
#: Steps that need more than all others, and are there only with the segmentation of their name.
OF_SEGMENTATION = frozenset({'synthseg'})
#: Step there is only where an enhanced scan is held against another image.
COMPARING = 'compare'
#: Each scan beside the first in a fit of several, as a share of the first.
BESIDE = 0.5


@dataclass(frozen=True)
class Size:
    """How large a scan is.

    Attributes
    ----------
    voxels : int
        Of its file.
    volume : float
        Field of view, mm^3.
    """

    voxels: int
    volume: float


def size_of(path: Path) -> Size:
    """Return the size of a scan from its header alone; nothing where it cannot be read."""
    try:
        shape, affine = read_grid(path)
    except UnusableScanError:  # its own step says what is wrong with it
        return Size(0, 0.0)
    voxels = math.prod(shape)
    return Size(voxels, voxels * float(np.prod(np.linalg.norm(affine[:3, :3], axis=0))))


def memory_gb(node: str, sizes: list[Size], settings: Settings) -> float:
    """Return the memory that a node may take, GB.

    Parameters
    ----------
    node : str
        Its own name, without those of its workflows.
    sizes : list of Size
        Of the scan, or of those that are fitted together.
    settings : Settings
    """
    kind = node
    if node.startswith(('register_', 'render_')):
        kind = node.partition('_')[0]
    need = NEEDS.get(kind, OTHER)
    spacing = settings.output_resolution if node.startswith('render_') else 1.0
    # What is written and drawn has the voxels that were asked for.
    if kind == 'derivatives':
        spacing = min(spacing, settings.output_resolution)
    each = sorted(
        size.voxels * need.per_voxel + size.volume / spacing**3 * need.per_point for size in sizes
    )
    largest = each.pop() if each else 0.0
    more = BESIDE * sum(each) if kind in ('fit', 'together') else 0.0
    return need.base + (largest + more) / 2**30


def declare_memory(workflow, sizes: list[Size], settings: Settings) -> None:
    """Have every node of a scan's workflow say how much memory it may take."""
    for name in workflow.list_node_names():
        node = workflow.get_node(name)
        # Nipype takes it when a node is made, where sizes are not known, and gives no other way.
        node._mem_gb = memory_gb(node.name, sizes, settings)


def largest_need(
    sizes: list[Size], settings: Settings, direction: str = 'enhance'
) -> tuple[str, float]:
    """Return the step of a scan, or of scans fitted together, that may take most memory.

    Returns
    -------
    node : str
    gb : float
    """
    names = set(NEEDS) - {COMPARING} - (OF_SEGMENTATION - {settings.segmentation})
    names -= ENHANCING if direction == 'simulate' else {'simulate'}
    if direction == 'enhance' and settings.output_resolution != 1.0:
        names.add('render_kept')
    needs = {name: memory_gb(name, sizes, settings) for name in sorted(names)}
    name = max(needs, key=needs.get)
    return name, needs[name]


def reference_need(sizes: list[Size], settings: Settings) -> tuple[str, float]:
    """Return the step that may take most memory of what is done with a high-field reference.

    Parameters
    ----------
    sizes : list of Size
        Of the reference and of the scan.
    settings : Settings

    Returns
    -------
    node : str
    gb : float
    """
    needs = [largest_need(sizes[:1], settings, 'simulate')]
    needs.append((COMPARING, memory_gb(COMPARING, sizes, settings)))
    return max(needs, key=lambda need: need[1])


def scans_need(
    scans: list[Scan], settings: Settings, direction: str = 'enhance'
) -> tuple[str, float]:
    """Return the step that may take most memory of a scan, or of scans that are fitted together.

    What is done with the reference of each is counted too.

    Returns
    -------
    node : str
    gb : float
    """
    sizes = [size_of(scan.path) for scan in scans]
    needs = [largest_need(sizes, settings, direction)]
    needs += [
        reference_need([size_of(scan.highfield.path), size], settings)
        for scan, size in zip(scans, sizes, strict=True)
        if not why_not(scan)
    ]
    return max(needs, key=lambda need: need[1])


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
