"""Pairs are found in every layout, and the high-field lattice moves to where the scan lies."""

import numpy as np
import pytest
from look_alikes import lopsided_brain, motion, save, scanned_at_low_field

from ulfprep.evaluation.sources import brain as making
from ulfprep.evaluation.sources import find_brains, find_pairs, pairs
from ulfprep.evaluation.sources.pairs import load_acquired, told_field
from ulfprep.evaluation.trials import Trial
from ulfprep.physics.registration import Registration

MOVED = motion((4, -5), (4, -3, 5))
#: What a portable scanner's sidecar says: the field is wrong by a power of ten.
HYPERFINE = {'MagneticFieldStrength': 0.006, 'ImagingFrequency': 2.7109, 'EchoTime': 0.005}


@pytest.fixture
def unbiased(monkeypatch):
    """Leave the bias field alone, which takes seconds and which there is none of."""
    for module in (making, pairs):
        monkeypatch.setattr(
            module, 'correct_bias', lambda image, *_, **__: (image, np.ones_like(image))
        )


@pytest.fixture
def quick(unbiased, monkeypatch):
    """Leave the motion alone as well."""
    monkeypatch.setattr(pairs, 'moved_lattice', lambda brain, scan, names: brain.lattice)


def write_high(path, **sidecar):
    image, known, affine = lopsided_brain()
    save(path, image, affine, **sidecar)
    name = path.name.replace('_T1w', '').partition('.')[0]
    # As BIDS numbers them: 1 GM, 2 WM, 3 CSF.
    labels = np.array([0, 3, 1, 2], np.uint8)[known]
    save(path.with_name(f'{name}_dseg.nii.gz'), labels, affine)


def write_low(path, **sidecar):
    return save(path, *scanned_at_low_field(np.eye(4)), **sidecar)


def found(folder, **options):
    """Return the trials of a folder by name, and what was said."""
    said = []
    return {t.case.brain: t for t in find_pairs(folder, say=said.append, **options)}, said


@pytest.fixture(scope='module')
def registered(tmp_path_factory):
    """Return the trial of a head that moved between the scanners, and its high-field brain."""
    root = tmp_path_factory.mktemp('pairs')
    write_high(root / '3T' / 'one.nii.gz')
    save(root / '64mT' / 'one.nii.gz', *scanned_at_low_field(MOVED))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, 'correct_bias', lambda image, *_: (image, np.ones_like(image)))
        trials, said = found(root)
        (brain,) = find_brains(root / '3T', 'folder', say=list)
    return trials['one'], brain, said


def test_the_lattice_moves_as_the_head_did_and_the_image_is_not_interpolated(registered):
    trial, brain, _ = registered
    points = np.argwhere(brain.labels > 0)[::97]
    points = np.column_stack([points, np.ones(len(points))]).T
    wanted = MOVED @ brain.lattice.affine @ points
    error = np.linalg.norm((trial.case.lattice.affine @ points - wanted)[:3], axis=0)
    assert error.max() < 1.5
    assert error.mean() < 1.0
    unmoved = np.linalg.norm((brain.lattice.affine @ points - wanted)[:3], axis=0)
    assert unmoved.mean() > 6
    white = np.median(brain.image[brain.labels == 3])
    np.testing.assert_allclose(trial.truth.image, brain.image / white, rtol=1e-5)
    np.testing.assert_array_equal(trial.case.labels, brain.labels)
    assert trial.truth.grid is trial.case.lattice


def test_a_pair_is_a_trial_as_the_tables_take_it(registered):
    trial, brain, said = registered
    assert isinstance(trial, Trial)
    assert (trial.regime, trial.case.source, trial.labels_by) == ('paired', 'paired', 'given')
    assert (trial.case.snr, trial.case.seed, trial.case.ratios) == (None, None, None)
    assert trial.case.voxel == '1.6x1.6x5'
    assert trial.metadata == {'MagneticFieldStrength': 0.064}
    assert any('no MagneticFieldStrength; 0.064 T is taken' in line for line in said)
    assert trial.case.scan.dtype == np.float32
    assert (trial.case.scan[~trial.case.mask] == 0).all()
    csf, gm, wm = trial.ratios
    assert csf < gm < wm == 1


def test_a_scan_that_was_resampled_goes_back_to_its_acquired_voxels(tmp_path):
    path = save(tmp_path / 'fine.nii.gz', *scanned_at_low_field(np.eye(4), fine=True))
    scan, grid = load_acquired(path, {})
    assert grid.zooms == pytest.approx((1.6, 1.6, 5), abs=0.1)
    assert (scan == 0).mean() > 0.3
    _, told = load_acquired(path, {'AcquisitionVoxelSize': [2, 2, 5]})
    assert told.zooms == pytest.approx((2, 2, 5))
    plain, coarse = scanned_at_low_field(np.eye(4))
    same, its = load_acquired(save(tmp_path / 'plain.nii.gz', plain, coarse), {})
    np.testing.assert_array_equal(same, plain)
    np.testing.assert_allclose(its.affine, coarse)


def test_a_bids_dataset_is_paired_by_sidecars_before_labels(tmp_path, quick):
    write_high(tmp_path / 'sub-01/ses-GE/anat/sub-01_ses-GE_T1w.nii.gz', MagneticFieldStrength=3)
    for name in ('axi', 'sag'):
        scan = tmp_path / f'sub-01/ses-HFC/anat/sub-01_ses-HFC_acq-{name}_T1w.nii.gz'
        write_low(scan, **HYPERFINE)
    write_low(tmp_path / 'sub-02/anat/sub-02_T1w.nii.gz', **HYPERFINE)
    trials, said = found(tmp_path)
    (trial,) = trials.values()
    assert trial.case.brain == '01'
    assert trial.metadata == HYPERFINE | {'MagneticFieldStrength': 0.064}
    assert any('one scan a person' in s and 'acq-sag' in s for s in said)
    assert any('MagneticFieldStrength 0.006; 0.064 T is taken' in s for s in said)
    assert any('sub-02: no T1w of high field' in s for s in said)


def test_a_bids_dataset_without_sidecars_is_paired_by_its_labels(tmp_path, quick):
    image, known, affine = lopsided_brain()
    stem = tmp_path / 'sub-01/ses-3T/anat/sub-01_ses-3T'
    save(stem.with_name(f'{stem.name}_T1w.nii.gz'), image, affine)
    aseg = np.array([0, 24, 42, 41], np.int32)[known]
    save(stem.with_name(f'{stem.name}_desc-aseg_dseg.nii.gz'), aseg, affine)
    write_low(tmp_path / 'sub-01/ses-64mT/anat/sub-01_ses-64mT_T1w.nii.gz')
    write_low(tmp_path / 'sub-01/ses-B/anat/sub-01_ses-B_T1w.nii.gz')
    trials, said = found(tmp_path)
    assert list(trials) == ['01']
    assert trials['01'].labels_by == 'given'
    assert any('ses-B_T1w.nii.gz is left out: neither' in line for line in said)


def test_the_finest_image_of_the_highest_field_is_the_truth(tmp_path, quick):
    anat = tmp_path / 'sub-01' / 'anat'
    write_low(anat / 'sub-01_acq-ulf_T1w.nii.gz', **HYPERFINE)
    write_high(anat / 'sub-01_acq-a_T1w.nii.gz', MagneticFieldStrength=1.5)
    image, _, affine = lopsided_brain((2.0, 2.0, 2.0))
    save(anat / 'sub-01_acq-b_T1w.nii.gz', image, affine, MagneticFieldStrength=3)
    write_high(anat / 'sub-01_acq-c_T1w.nii.gz', MagneticFieldStrength=3)
    (pair,) = pairs.pair_bids.find(tmp_path)
    assert pair.high.image.name == 'sub-01_acq-c_T1w.nii.gz'


def test_the_folders_of_the_challenge_are_paired_person_by_person(tmp_path, quick):
    for person in ('POCEMR001', 'POCEMR102'):
        place = tmp_path / 'Training data' / person
        write_low(place / '64mT' / f'{person}_T1.nii.gz')
        write_low(place / '64mT' / f'{person}_T2.nii.gz')
        if person != 'POCEMR102':
            write_high(place / '3T' / f'{person}_T1.nii.gz')
    for folder in (tmp_path, tmp_path / 'Training data'):
        trials, said = found(folder)
        assert list(trials) == ['POCEMR001']
        assert any('POCEMR102: no 3T/POCEMR102_T1.nii.gz' in line for line in said)


@pytest.mark.parametrize('names', [('ULF', 'HF'), ('64mT data', '3T data')])
def test_two_folders_are_paired_by_the_names_in_them(tmp_path, quick, names):
    low, high = (tmp_path / name for name in names)
    write_low(low / 'a.nii.gz')
    write_high(high / 'a.nii.gz')
    write_low(low / 'b.nii.gz')
    write_low(low / 'c.nii.gz').write_bytes(b'')
    write_high(high / 'c.nii.gz')
    trials, said = found(tmp_path)
    assert list(trials) == ['a']
    assert any('b is left out' in line for line in said)
    assert any('c.nii.gz' in line and 'empty' in line for line in said)


def test_two_trees_of_participants_are_paired_by_them(tmp_path, quick):
    write_low(tmp_path / '64mT/sub-0011/ses-01/anat/sub-0011_ses-01_run-1_T1w.nii.gz')
    write_high(tmp_path / '3T/sub-0011/anat/sub-0011_acq-highres_T1w.nii.gz')
    (pair,) = pairs.pair_folders.find(tmp_path)
    assert (pair.name, pair.high.image.parts[-4]) == ('0011', '3T')


@pytest.mark.parametrize(
    ('turned', 'alike', 'kept'), [(50.0, 0.9, False), (1.0, 0.3, False), (0.0, 0.9, True)]
)
def test_a_motion_that_cannot_be_believed_costs_the_pair_and_none_at_all_does_not(
    tmp_path, unbiased, monkeypatch, turned, alike, kept
):
    result = Registration(np.eye(4), turned, 0.0, alike, alike, False, 'not believed')
    monkeypatch.setattr('ulfprep.physics.motion.register_rigid', lambda *_, same_contrast: result)
    write_high(tmp_path / '3T' / 'one.nii.gz')
    write_low(tmp_path / '64mT' / 'one.nii.gz')
    trials, said = found(tmp_path)
    assert list(trials) == (['one'] if kept else [])
    told = [s for s in said if 'one is left out' in s and 'could not be registered' in s]
    assert len(told) == (not kept)


def test_a_folder_without_pairs_says_what_was_looked_for(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        next(find_pairs(tmp_path))
    for layout in ('bids', 'ulf-enc', 'folders'):
        assert layout in str(error.value)
    with pytest.raises(FileNotFoundError, match='no such folder'):
        next(find_pairs(tmp_path / 'none'))
    with pytest.raises(ValueError, match='unheard is no layout'):
        next(find_pairs(tmp_path, 'unheard'))


def test_a_field_that_is_told_rightly_is_left_as_it_is(tmp_path):
    said = []
    assert told_field({'MagneticFieldStrength': 0.05}, tmp_path, said.append) == {
        'MagneticFieldStrength': 0.05
    }
    assert said == []
    assert told_field({'MagneticFieldStrength': 0.006}, tmp_path, said.append) == {
        'MagneticFieldStrength': 0.064
    }
    assert len(said) == 1


def test_pairs_are_enhanced_and_scored_as_simulated_scans_are(registered):
    """The truth's lattice is turned against the scan's: every score has to bear that."""
    from ulfprep.evaluation.enhancers import Effort
    from ulfprep.evaluation.tables.run import run_trial

    trial = registered[0]
    methods = ['bicubic', 'sinc', 'voxel-cg', 'ulfprep']
    outcome = run_trial(trial, methods, Effort(sloppy=True, epochs=1))
    assert [row['status'] for row in outcome.rows] == ['ok'] * 4
    for row in outcome.rows:
        assert row['regime'] == 'paired'
        assert row['ssim'] > 0.5
        assert 0.3 < row['residual_rms'] < 3
        assert row['dice_wm'] > 0.6
