"""Pairs in the layout ``bids``: a dataset in which a person has T1w images of both fields.

The best public one is OpenNeuro ds006557 (https://openneuro.org/datasets/ds006557, CC0): 23
healthy adults, 64 mT and 3 T, as it is downloaded::

    sub-HYPE00/ses-GE/anat/sub-HYPE00_ses-GE_acq-MPRAGE_T1w.nii.gz       3 T
    sub-HYPE00/ses-HFC/anat/sub-HYPE00_ses-HFC_acq-axi_T1w.nii.gz        64 mT

Which is which is told by the sidecars; where they do not say, by ``64mT``, ``ULF`` or
``hyperfine`` against ``3T`` or ``HF`` in the labels of session or acquisition. (In ds006557,
HFC and HFE are 64 mT, and ``MagneticFieldStrength`` there is 0.006: the imaging frequency beside
it tells better.)
"""

from pathlib import Path

from ulfprep.bids.names import name_parts
from ulfprep.bids.read.acquisition import field_of
from ulfprep.bids.read.sidecars import Sidecars, usable_metadata
from ulfprep.evaluation.sources.bids import item_of, labels_in, t1w_images
from ulfprep.evaluation.sources.field import is_low
from ulfprep.evaluation.sources.pair import Pair, finest, only_first
from ulfprep.evaluation.sources.volume import label_of

SHAPE = 'sub-*/[ses-*/]anat/*_T1w.nii.gz of both fields, by sidecars or by ses- and acq-'


def find(folder: Path, say=print) -> list[Pair]:
    """Return the pairs of a dataset, one a person.

    Of several high-field images that of the highest field is taken, then the finest.
    """
    sidecars = Sidecars(folder)
    people: dict[str, dict[bool, dict[Path, dict]]] = {}
    for path in t1w_images(folder):
        try:
            metadata, _ = usable_metadata(sidecars.metadata(path))
        except ValueError as error:
            say(f'{path} is left out: {error}')
            continue
        low = is_low(metadata, labels_in(path))
        if low is None:
            say(f'{path} is left out: neither its sidecar nor its name tells its field')
            continue
        subject = name_parts(path.name)[0].get('sub', '')
        people.setdefault(subject, {True: {}, False: {}})[low][path] = metadata
    pairs = []
    for subject, scans in people.items():
        if not scans[True] or not scans[False]:
            say(f'sub-{subject}: no T1w of {"high" if scans[True] else "low"} field')
            continue
        name = label_of(subject)
        low = only_first(name, list(scans[True]), say)
        fields = {path: field_of(metadata) or 0 for path, metadata in scans[False].items()}
        high = finest(path for path, field in fields.items() if field == max(fields.values()))
        pairs.append(Pair(name, low, scans[True][low], item_of(high, folder, say)))
    return pairs
