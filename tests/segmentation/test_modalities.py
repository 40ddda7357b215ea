"""T2w and FLAIR: the same brain in other brightness, known by the signals it should show."""

from types import SimpleNamespace

import numpy as np
import pytest

from ulfprep.physics.acquisition import add_rician_noise
from ulfprep.segmentation.bias import correct_bias
from ulfprep.segmentation.brain import brain_mask, looks_stripped
from ulfprep.segmentation.hmrf import fit_markov_field
from ulfprep.segmentation.tissue import segment

SIGNALS = {'T1w': (0.3, 0.75, 1.0), 'T2w': (2.2, 1.35, 1.0), 'FLAIR': (0.2, 1.3, 1.0)}


def scan_of(brain, modality, sigma=5.0):
    image = np.tensordot(100 * np.array(SIGNALS[modality]), brain.truth.astype(float), 1)
    return add_rician_noise(image, sigma, np.random.default_rng(0))


@pytest.mark.parametrize('modality', SIGNALS)
def test_tissues_come_out_in_their_places(build_brain, overlap, modality):
    zooms, size = (4.0, 4.0, 4.0), (140.0, 170.0, 120.0)
    mask, truth = build_brain((40, 48, 36), zooms, size, 4.0, 10.0)
    scan = scan_of(SimpleNamespace(truth=truth), modality)
    result = fit_markov_field(scan, mask, zooms, sigma=5.0, expected=SIGNALS[modality])
    assert (overlap(result.probs, truth) > 0.95).all()
    np.testing.assert_allclose(result.means, 100 * np.array(SIGNALS[modality]), rtol=0.06)


def test_a_t1w_needs_no_word_of_what_to_expect(brain):
    plain = segment(brain.noisy, brain.mask, (1.2, 1.2, 1.2))
    told = segment(brain.noisy, brain.mask, (1.2, 1.2, 1.2), expected=SIGNALS['T1w'])
    np.testing.assert_array_equal(plain.probs, told.probs)
    one, other = (
        correct_bias(brain.noisy, brain.mask, brain.zooms, expected=e)[0]
        for e in (None, SIGNALS['T1w'])
    )
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(('modality', 'share'), [('T2w', 0.65), ('FLAIR', 0.5)])
def test_much_of_a_smooth_field_is_removed_and_no_contrast(brain, modality, share):
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in brain.mask.shape], indexing='ij')
    bias = 0.3 * x - 0.25 * z + 0.2 * y**2
    bias -= bias[brain.mask].mean()
    scan = scan_of(brain, modality) * np.exp(bias)
    corrected, field = correct_bias(scan, brain.mask, brain.zooms, expected=SIGNALS[modality])
    left = (np.log(field) - bias)[brain.mask]
    assert left.std() < share * bias[brain.mask].std()
    means = np.array([corrected[t].mean() for t in brain.truth])
    np.testing.assert_allclose(means / means[2], SIGNALS[modality], rtol=0.2)


def test_a_t2w_brain_with_its_bright_rim_looks_stripped(brain):
    image = np.where(brain.mask, scan_of(brain, 'T2w'), 0)
    zooms = (3.0, 3.0, 3.0)
    assert looks_stripped(image, zooms, SIGNALS['T2w'])[0]
    assert not looks_stripped(image, zooms)[0]  # as a T1w it would be a head


def test_a_t2w_is_turned_round_for_the_network(monkeypatch, brain):
    image = scan_of(brain, 'T2w').astype(np.float32)
    seen = {}

    def network(given):
        seen['image'] = given
        return brain.mask

    monkeypatch.setattr('ulfprep.segmentation.brain._deepbet', network)
    mask = brain_mask(image, (4.0, 4.0, 4.0), False, SIGNALS['T2w'])
    csf, gm, wm = (np.median(seen['image'][t]) for t in brain.truth)
    air = np.median(seen['image'][~brain.mask])
    assert wm > gm > csf > 3 * air
    # The bright rim is CSF, and stays.
    assert (mask & brain.mask).sum() > 0.97 * brain.mask.sum()
    brain_mask(image, (4.0, 4.0, 4.0), False)
    np.testing.assert_array_equal(seen['image'], image)
