"""How long a participant may take, from the sizes of its scans.

The model was fitted to records of ``logs/resources`` on two cores of a virtual machine (CPU
seconds; 1 thread; other work beside): a simulated 64 mT scan of 5.2 litres and 0.4 million voxels
took 63 by default and 45 with ``--sloppy``, a real head of 0.6 million voxels 69; simulating from
3 T heads of 5.2 and 16.8 million voxels 28 and 83 to 86; a high-field reference of 16.8 million
voxels 62 beside its scan. A fit by the lattices' network took 65 to 80 more, one by ``wire`` 259.

More cores are not counted: most of a scan runs on one. A GPU is counted like a CPU, for none was
measured.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ulfprep.settings import Settings

#: Seconds to start Python, to import what is heavy and to index one participant.
START = 20
#: Seconds of an enhanced scan, whatever its size: the work is on a brain, not its field of view.
ENHANCED, ENHANCED_SLOPPY = 62, 42
#: Seconds of a simulated scan, whatever its size.
SIMULATED = 5
#: Seconds a million voxels of a file: bias field, brain mask, figures.
PER_MILLION = 5
#: The same, for each noisy scan beside the first that is simulated.
PER_REALISATION = 1
#: Seconds to render at 1 mm; finer voxels cost by their number.
RENDER = 12
#: Scans that are enhanced together, as a multiple of the usual.
TOGETHER = 1.5
#: Seconds to train a network on a scan.
TRAINED = {'direct': 0, 'lattice': 75, 'wire': 260}
#: Seconds of SynthSeg, whose authors state two minutes on a CPU; not measured here.
SYNTHSEG = 300
#: What other machines, busy nodes and slow disks may take of it.
SAFETY = 4
#: What is asked for at least, and in what steps, minutes.
LEAST, STEP = 15, 5


@dataclass(frozen=True)
class Work:
    """What is to be done with a scan.

    Attributes
    ----------
    direction : str
        ``enhance`` or ``simulate``.
    voxels : int
        Of its file.
    together : bool
        Whether it may be fitted together with others.
    reference_voxels : int
        Of the file of the image that it is held against; 0 where there is none.
    """

    direction: str
    voxels: int
    together: bool = False
    reference_voxels: int = 0


def scan_seconds(work: Work, settings: Settings) -> float:
    """Return the CPU seconds that a scan is expected to take on one thread."""
    size = work.voxels / 1e6
    labels = SYNTHSEG if settings.segmentation == 'synthseg' else 0
    if work.direction == 'simulate':
        more = PER_REALISATION * (settings.n_realisations - 1) * size
        return labels + SIMULATED + PER_MILLION * size + more
    seconds = (ENHANCED_SLOPPY if settings.sloppy else ENHANCED) + PER_MILLION * size
    seconds += TRAINED[settings.backbone]
    if work.together:
        seconds *= TOGETHER
    if settings.output_resolution != 1.0:
        seconds += RENDER / settings.output_resolution**3
    if work.reference_voxels:
        seconds += labels + SIMULATED + PER_MILLION * work.reference_voxels / 1e6
    return seconds + labels


def minutes_of(scans: Sequence[Work], settings: Settings, at_once: int = 1) -> int:
    """Return the minutes to ask for, for all scans of a participant.

    Parameters
    ----------
    scans : sequence of Work
    settings : Settings
    at_once : int
        How many are in work at a time.
    """
    each = [scan_seconds(work, settings) for work in scans]
    # The longest may come last, alone.
    seconds = START + max(sum(each) / at_once, max(each, default=0.0))
    return max(LEAST, STEP * math.ceil(SAFETY * seconds / 60 / STEP))
