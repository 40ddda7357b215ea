"""A real 64 mT scan, with its skull and on its native grid, through the whole command."""

import json

import nibabel as nib
import numpy as np
import pytest
from runs import run_ulfprep, validate

pytestmark = pytest.mark.realdata
STEM = 'sub-MS017_ses-ulf'


@pytest.fixture(scope='module')
def real_run(test_data, tmp_path_factory):
    base = tmp_path_factory.mktemp('real')
    done = run_ulfprep(
        test_data / 'ulf64mt_lowgan_bids', base / 'out', 'participant', '-w', base / 'work'
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return base / 'out'


@pytest.fixture(scope='module')
def quality(real_run):
    path = real_run / 'sub-MS017/ses-ulf/anat' / f'{STEM}_desc-qc_T1w.json'
    return json.loads(path.read_text())


def load(real_run, name):
    return nib.load(real_run / 'sub-MS017/ses-ulf/anat' / f'{STEM}_{name}.nii.gz')


def test_it_finishes_with_valid_derivatives_and_a_report_named_after_the_session(real_run):
    assert validate(real_run).returncode == 0
    text = (real_run / f'{STEM}.html').read_text()
    assert 'No errors' in text


def test_the_brain_is_found_without_its_skull(real_run, quality):
    mask = np.asarray(load(real_run, 'desc-brain_mask').dataobj) > 0
    scan = load(real_run, 'desc-preproc_T1w').get_fdata()
    assert 1200 < quality['metrics']['volume_brain'] < 1800
    # Scalp fat is several times as bright as brain at 64 mT; hardly any is let in.
    assert np.mean(scan[mask] > 2 * np.median(scan[mask])) < 0.01
    assert quality['notes'][2]['text'].endswith('still there.')


def test_the_receive_bias_along_the_slices_is_at_least_halved(real_run, test_data):
    mask = np.asarray(load(real_run, 'desc-brain_mask').dataobj) > 0
    raw = test_data / 'ulf64mt_lowgan_bids/sub-MS017/ses-ulf/anat' / f'{STEM}_T1w.nii.gz'
    before = nib.as_closest_canonical(nib.load(raw)).get_fdata().squeeze()
    after = load(real_run, 'desc-preproc_T1w').get_fdata()

    def spread(scan):
        """S.d. over the large slices of the logarithm of white matter's brightness."""
        large = [z for z in range(mask.shape[2]) if mask[..., z].sum() > 3000]
        return np.std([np.log(np.percentile(scan[..., z][mask[..., z]], 90)) for z in large])

    assert spread(after) < 0.5 * spread(before)


def test_white_matter_is_evener_after_bias_correction(quality):
    metrics = quality['metrics']
    assert metrics['bias_range'] > 1.3
    assert metrics['wm_cov_after'] < 0.85 * metrics['wm_cov_before']


def test_every_tissue_is_there_in_a_plausible_share(quality):
    volume = {t: quality['metrics'][f'volume_{t}'] for t in ('csf', 'gm', 'wm')}
    total = sum(volume.values())
    assert 0.1 < volume['csf'] / total < 0.45
    assert 0.25 < volume['gm'] / total < 0.6
    assert 0.2 < volume['wm'] / total < 0.55


def test_the_enhanced_image_explains_the_scan_and_shows_more_contrast(quality):
    assert quality['metrics']['contrast_gain'] > 1.0
    # The noise that is told holds some unevenness of the tissue, which the image follows.
    assert 0.6 < quality['metrics']['residual_rms'] < 1.2
    assert quality['contrast']['noise_shared'] > 1
    assert quality['verdict']['level'] == 'usable'


def test_what_the_sidecar_does_not_say_is_said_to_be_assumed(quality):
    assumed = ' '.join(quality['contrast']['defaults_used'])
    assert 'RepetitionTime' in assumed
    assert 'InversionTime' in assumed
