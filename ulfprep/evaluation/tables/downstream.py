"""Tissue volumes from a scan, from its enhanced image and from high field: how they agree."""

import numpy as np

#: Source of the volumes that all others are held against.
REFERENCE = 'high field'
TISSUES = ('csf', 'gm', 'wm')


def paired_volumes(volumes: list[dict], source: str, tissue: str):
    """Return volumes of one source and of the reference, scan by scan.

    Parameters
    ----------
    volumes : list of dict
        Keys of :data:`ulfprep.evaluation.columns.VOLUMES`.
    source : str
    tissue : {'csf', 'gm', 'wm'}

    Returns
    -------
    measured, reference : numpy.ndarray, shape (n,)
        ml.
    brains : list of str
    """
    identity = ('regime', 'brain', 'seed')
    known = {
        tuple(row.get(name) for name in identity): row
        for row in volumes
        if row['source'] == REFERENCE
    }
    pairs = [
        (row[tissue], known[key][tissue], row['brain'])
        for row in volumes
        if row['source'] == source
        and (key := tuple(row.get(name) for name in identity)) in known
        and tissue in row
    ]
    measured, reference = (np.array([pair[k] for pair in pairs], float) for k in (0, 1))
    return measured, reference, [pair[2] for pair in pairs]


def sources_of(volumes: list[dict]) -> list[str]:
    """Names of all sources but the reference and the labels, in the order in which they come."""
    known = dict.fromkeys(row['source'] for row in volumes)
    return [name for name in known if name not in (REFERENCE, 'labels')]
