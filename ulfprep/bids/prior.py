"""Whether the trained network was the prior of a scan's tissues, and with which weights."""

from ulfprep.bids.dataset import Scan
from ulfprep.settings import Settings

#: Field of the segmentation in the QC file: SHA-256 of the file of weights.
WEIGHTS = 'network_weights_sha256'
#: The same in sidecars.
FIELD = 'TissuePriorWeightsSHA256'
#: Derivatives that are made before the tissues are known.
BEFORE_TISSUES = ('preproc', 'brain_mask')


def asks_network(scan: Scan, settings: Settings) -> bool:
    """Tell whether the network will be the prior of a scan's tissues."""
    given = scan.precomputed and scan.precomputed.tissues
    return settings.segmentation == 'network' and not given


def used_network(qc: dict) -> bool:
    """Tell from a QC record whether the network was the prior of its scan's tissues."""
    return bool((qc.get('segmentation') or {}).get(WEIGHTS))
