"""Weights of the tissue network in a file: half precision, no pickle."""

import hashlib
from pathlib import Path

import numpy as np

from ulfprep.segmentation.network import TissueNet


def write_weights(file: Path, state: dict) -> None:
    """Write weights as a NumPy archive.

    Parameters
    ----------
    file : path
        Ends in ``.npz``.
    state : dict of str to torch.Tensor
        Of :meth:`ulfprep.segmentation.network.TissueNet.state_dict`.
    """
    arrays = {
        name: value.detach().cpu().numpy().astype(np.float16) for name, value in state.items()
    }
    np.savez_compressed(file, **arrays)


def read_network(file: Path) -> TissueNet:
    """Build the network from a file of :func:`write_weights`.

    Raises
    ------
    ValueError
        If the file holds the weights of another network.
    """
    import torch

    net = TissueNet()
    with np.load(file, allow_pickle=False) as found:
        state = {k: torch.from_numpy(found[k].astype(np.float32)) for k in found.files}
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f'{file} holds the weights of another network: {error}') from error
    return net.eval()


def digest(file: Path) -> str:
    """SHA-256 of a file of weights."""
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()
