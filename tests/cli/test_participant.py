"""The participant level end to end, on small phantoms."""

import json
import shutil
import sys
from pathlib import Path
from unittest.mock import create_autospec

import nibabel as nib
import numpy as np
import pytest
from nibabel.processing import resample_from_to
from runs import QUICK, notes, quality, validate
from same import contents, derivatives

from ulfprep.bids.read.dataset import find_scans
from ulfprep.bids.task import Task
from ulfprep.bids.write.derivatives import golden_list
from ulfprep.cli.main import main
from ulfprep.cli.parser import parse_args

pytestmark = pytest.mark.usefixtures('in_process')


OF_DATASET = {'dataset_description.json', 'README.md', '.bidsignore', 'dseg.tsv'}


def golden(root, direction, n_realisations=1):
    """Return the paths that are promised of each scan of a dataset."""
    scans = find_scans(parse_args([str(root), 'out', 'participant']))
    return {
        path.as_posix()
        for scan in scans
        for path in golden_list(Task(scan), direction, n_realisations)
    }


def test_finished_scan_is_exactly_the_golden_list(make_dataset, run, tmp_path):
    root = make_dataset('sub-01_ses-A_acq-x_run-01')
    assert run(root) == 0
    expected = golden(root, 'enhance') | OF_DATASET | {'sub-01_ses-A.html'}
    assert set(derivatives(tmp_path / 'out')) == expected


def test_input_inside_of_the_output(make_dataset, tmp_path, monkeypatch, capsys):
    """``cd out; ulfprep sourcedata/raw . participant``: nothing of the input is touched or read
    as a result.
    """
    place = 'sourcedata/raw'
    raw = tmp_path / 'out' / place
    raw.parent.mkdir(parents=True)
    make_dataset('sub-01', 'sub-02').rename(raw)
    # What other runs left in the input: half-written, and results of another folder.
    (raw / '.ulfprep-0123456789ab').write_text('x')
    (raw / 'sub-01/anat/.ulfprep-0123456789ab').write_text('x')
    earlier = raw / 'sub-09/anat/sub-09_desc-qc_T1w.json'
    earlier.parent.mkdir(parents=True)
    earlier.write_text('{}')
    before = contents(raw)
    monkeypatch.chdir(tmp_path / 'out')
    words = [place, '.', 'participant', *QUICK, '--participant-label', '01']
    for flag in ('--force', '--clean-workdir'):
        assert main([*words, flag]) == 0
    assert main([place, '.', 'group']) == 0
    assert contents(raw) == before
    (row,) = (tmp_path / 'out/group_T1w.tsv').read_text().splitlines()[1:]
    assert row.startswith('sub-01')
    assert '1 finished, 0 not' in capsys.readouterr().err
    description = json.loads((tmp_path / 'out/dataset_description.json').read_text())
    assert description['DatasetLinks'] == {'raw': place}
    shutil.rmtree(raw / 'sub-09')
    (raw / 'sub-01/anat/.ulfprep-0123456789ab').unlink()
    (raw / '.ulfprep-0123456789ab').unlink()
    done = validate(tmp_path / 'out')
    assert done.returncode == 0, done.stdout


def test_qc_file_says_what_was_done(finished, tmp_path):
    qc = quality(tmp_path / 'out')
    assert qc['entities'] == {'subject': '01', 'session': None}
    assert qc['source'] == 'bids:raw:sub-01/anat/sub-01_T1w.nii.gz'
    assert qc['direction'] == 'enhance'
    # The phantom is far smaller than a brain, which its mask is warned of.
    assert qc['verdict']['level'] != 'usable'
    (reason,) = (reason for reason in qc['verdict']['reasons'] if 'brain mask holds' in reason)
    assert {'text': reason, 'level': 'warning'} in qc['notes']
    assert qc['metrics']['contrast_wm_gm'] > 0
    assert set(qc['null_reasons']) == {n for n, v in qc['metrics'].items() if v is None}
    assert '--reference' in qc['null_reasons']['dice_gm']
    assert qc['reference'] is None
    assert qc['contrast']['target_field_T'] == 3
    assert len(qc['fit']['history']['step']) == len(qc['fit']['history']['total']) > 1
    assert qc['settings']['random_seed'] == qc['seed']
    assert any('0.064 T from the sidecar' in note for note in notes(qc))
    assert '[@n4]' in qc['methods']
    text = (tmp_path / 'out/logs/CITATION.md').read_text()
    assert 'No network is trained' in ' '.join(text.split())
    assert '- [@nipype] ' in text
    (log,) = (tmp_path / 'out/logs').glob('*/ulfprep.log')
    assert 'device: cpu (--device ' in log.read_text()


def test_another_resolution_replaces_the_images_of_the_last(finished, run, tmp_path):
    out = tmp_path / 'out'
    anat = out / 'sub-01/anat'

    def labels():
        return {path.name.split('_')[1] for path in anat.glob('sub-01_res-*')}

    assert labels() == {'res-1mm'}
    residual = (anat / 'sub-01_desc-residual_T1w.nii.gz').read_bytes()
    image = nib.load(anat / 'sub-01_res-1mm_desc-enhanced_T1w.nii.gz')
    # Read now: the next run removes the image.
    fine = nib.Nifti1Image(image.get_fdata(), image.affine)
    metrics = quality(out)['metrics']
    # The files that are there are not taken for those of another resolution.
    assert run(finished, '--output-resolution', '2.5') == 0
    coarse = nib.load(anat / 'sub-01_res-2p5mm_desc-enhanced_T1w.nii.gz')
    np.testing.assert_allclose(coarse.header.get_zooms(), 2.5)
    assert labels() == {'res-2p5mm'}
    # What lies on the grid of the scan is the same whatever is rendered.
    assert (anat / 'sub-01_desc-residual_T1w.nii.gz').read_bytes() == residual
    assert quality(out)['metrics'] == metrics
    # Samples of one smooth field.
    there = resample_from_to(fine, coarse, order=1).get_fdata()
    inside = (coarse.get_fdata() > 0) & (there > 0)
    assert inside.sum() > 10_000
    assert np.corrcoef(there[inside], coarse.get_fdata()[inside])[0, 1] > 0.95


def test_what_is_finished_is_run_again_only_if_something_changed(finished, run, tmp_path, capsys):
    out = tmp_path / 'out'

    def times():
        return {path: path.stat().st_mtime_ns for path in (out / 'sub-01').rglob('*')}

    first, before = contents(out), times()
    assert run(finished) == 0
    assert 'finished before with the same settings' in capsys.readouterr().err
    assert times() == before
    # A file that is lost is made again, and all of them from nothing, with the same bytes.
    (out / 'sub-01/anat/sub-01_dseg.nii.gz').unlink()
    assert run(finished) == 0
    assert contents(out) == first
    shutil.rmtree(out)
    shutil.rmtree(tmp_path / 'wörk dir')
    assert run(finished) == 0
    assert contents(out) == first
    one = quality(out)
    assert run(finished, '--random-seed', '7') == 0
    other = quality(out)
    assert (one['seed'], other['seed']) == (20250101, 7)
    assert one['settings_hash'] != other['settings_hash']
    # The noise that is drawn tells how much of it passes the inverse: it is in the error bar.
    again = contents(out)
    changed = {name.split('desc-')[-1] for name in first if first[name] != again[name]}
    assert 'uncertainty_T1w.nii.gz' in changed
    assert 'enhanced_T1w.nii.gz' not in changed


def test_figure_that_cannot_be_drawn_costs_no_other(make_dataset, run, tmp_path, monkeypatch):
    def plot_scan(out_prefix, **files):
        Path(f'{out_prefix}_desc-bias.svg').write_text('<svg/>')
        raise RuntimeError('could not draw loss: too ugly')

    monkeypatch.setattr(sys.modules['ulfprep.reports.drawing.figures'], 'plot_scan', plot_scan)
    assert run(make_dataset('sub-01')) == 1
    out = tmp_path / 'out'
    assert (out / 'sub-01/anat/sub-01_desc-qc_T1w.json').exists()
    assert (out / 'sub-01/figures/sub-01_desc-bias_T1w.svg').exists()
    assert 'too ugly' in (out / 'sub-01.html').read_text()


def test_scan_does_not_count_while_it_is_rewritten(finished, run, tmp_path, monkeypatch):

    def killed(*args):
        raise MemoryError

    monkeypatch.setattr('ulfprep.bids.write.sidecars.sidecar', killed)
    assert run(finished, '--random-seed', '1') == 1
    out = tmp_path / 'out'
    assert not (out / 'sub-01/anat/sub-01_desc-qc_T1w.json').exists()
    assert main([str(finished), str(out), 'group']) == 66


def test_scans_in_parallel_fail_one_by_one(make_dataset, tmp_path, capsys, phantom):
    data = np.zeros(phantom.shape, np.float32)
    data[14:17, 14:17, 12:14] = 100  # an image, but none of a brain
    speck = nib.Nifti1Image(data, phantom.affine)
    metadata = {'MagneticFieldStrength': 0.064, 'SkullStripped': True}
    root = make_dataset('sub-01', 'sub-02', image=speck, metadata=metadata)
    code = main([
        str(root), str(tmp_path / 'out'), 'participant', '-w', str(tmp_path / 'wörk dir'),
        '--nprocs', '2', '--omp-nthreads', '1', '--device', 'cpu', '--segmentation', 'embedded',
        '--skip-bids-validation',
    ])  # fmt: skip
    assert code == 1
    said = capsys.readouterr().err
    assert '2 at a time' in said
    assert said.count('the brain mask holds') == 2
    crashes = [str(path) for path in (tmp_path / 'out/logs').glob('*/crash-*.txt')]
    assert len(crashes) == 2
    for label, crash in zip(('01', '02'), crashes, strict=True):
        assert 'the brain mask holds' in (tmp_path / f'out/sub-{label}.html').read_text()
        assert crash in said


def test_simulated_scans_become_a_raw_dataset_that_can_be_enhanced(make_dataset, run, tmp_path):
    root = make_dataset('sub-01_rec-x', 'sub-02_ses-A', metadata={'MagneticFieldStrength': 3.0})
    out, raw = tmp_path / 'out', tmp_path / 'raw ulf'
    more = ['--n-realisations', '2', '--simulate-as-bids', str(raw)]
    more += ['--target-resolution', '6', '6', '7.5']
    assert run(root, *more) == 0
    assert golden(root, 'simulate', 2) <= set(derivatives(out))
    assert not list(out.rglob('*enhanced*'))
    found = sorted(p.relative_to(raw).as_posix() for p in raw.rglob('*.nii.gz'))
    assert found == [
        'sub-01/anat/sub-01_rec-xsim1_T1w.nii.gz',
        'sub-01/anat/sub-01_rec-xsim2_T1w.nii.gz',
        'sub-02/ses-A/anat/sub-02_ses-A_rec-sim1_T1w.nii.gz',
        'sub-02/ses-A/anat/sub-02_ses-A_rec-sim2_T1w.nii.gz',
    ]
    before = contents(raw)
    # Lost files come back from the derivatives; nothing is run for them.
    (raw / found[2]).unlink()
    assert run(root, *more) == 0
    assert contents(raw) == before
    # The simulated dataset is input like any other.
    assert run(raw, '--participant-label', '01', out='enhanced') == 0
    assert quality(tmp_path / 'enhanced', 'sub-01_rec-xsim1')['direction'] == 'enhance'
    # The group level takes both scans of the original.
    assert main([str(tmp_path / 'gone'), str(out), 'group']) == 0
    lines = (out / 'group_T1w.tsv').read_text().splitlines()
    header, *rows = [line.split('\t') for line in lines]
    assert [row[0] for row in rows] == ['sub-01_rec-x', 'sub-02_ses-A']
    assert rows[0][header.index('fber')] == 'n/a'  # without air there is none
    for row in rows:
        assert float(row[header.index('contrast_wm_gm_simulated')]) > 0
    # No realisation of an earlier run is left.
    assert run(root, '--n-realisations', '1') == 0
    assert sorted(path.name for path in out.rglob('*_res-ulf_*.nii.gz')) == [
        'sub-01_rec-x_res-ulf_desc-simulated_T1w.nii.gz',
        'sub-02_ses-A_res-ulf_desc-simulated_T1w.nii.gz',
    ]
    assert len(list(out.rglob('*_res-ulf_*.json'))) == 2


def test_a_mask_of_ones_own_is_used_and_said_everywhere(make_dataset, run, tmp_path):
    root, out, masks = make_dataset('sub-01', 'sub-02'), tmp_path / 'out', tmp_path / 'mine'

    def draw(label, radius):
        """Write a ball as mask, on a grid of its own."""
        (masks / f'sub-{label}/anat').mkdir(parents=True, exist_ok=True)
        x, y, z = np.indices((80, 80, 80)) * 2.0 - 79
        ball = (x**2 + y**2 + z**2 < radius**2).astype(np.uint8)
        affine = np.diag([-2.0, 2, 2, 1])
        affine[:3, 3] = (79, -79, -79)
        path = masks / f'sub-{label}/anat/sub-{label}_desc-brain_mask.nii.gz'
        nib.save(nib.Nifti1Image(ball, affine), path)

    def expect_volume(label, radius):
        image = nib.load(out / f'sub-{label}/anat/sub-{label}_desc-brain_mask.nii.gz')
        millilitres = np.asarray(image.dataobj).sum() * 270 / 1000
        assert millilitres == pytest.approx(4 / 3 * np.pi * radius**3 / 1000, rel=0.05)

    radii = {'01': 44, '02': 42.5}
    for label, radius in radii.items():
        draw(label, radius)
    assert run(root, '--brain-mask', str(masks)) == 0
    for label, radius in radii.items():
        expect_volume(label, radius)
        name = f'sub-{label}_desc-brain_mask.nii.gz'
        qc = quality(out, f'sub-{label}')
        assert any(name in note and '--brain-mask' in note for note in notes(qc))
        assert any('the brain mask holds' in note for note in notes(qc))
        assert "user's own brain mask" in qc['methods']
        assert 'deepbet' not in qc['methods']
        assert name in (out / f'sub-{label}.html').read_text()
        sidecar = out / f'sub-{label}/anat/sub-{label}_desc-brain_mask.json'
        assert f"the user's own ({name})" in json.loads(sidecar.read_text())['Description']
    # A mask drawn anew makes its scan run again, and no other.
    other = out / 'sub-02/anat/sub-02_desc-qc_T1w.json'
    before = other.stat().st_mtime_ns
    draw('01', 43)
    assert run(root, '--brain-mask', str(masks)) == 0
    expect_volume('01', 43)
    assert other.stat().st_mtime_ns == before


@pytest.mark.parametrize(('option', 'said'), [('force', 'a head with'), ('skip', 'stripped alr')])
def test_the_users_word_on_the_skull_goes_before_the_sidecars(
    make_dataset, run, tmp_path, monkeypatch, option, said
):
    """The mask itself is given, for no network finds a brain in the phantom."""
    from ulfprep.segmentation import brain

    asked = create_autospec(brain.brain_mask, side_effect=lambda image, *rest: image > 0)
    monkeypatch.setattr(brain, 'brain_mask', asked)
    metadata = {'MagneticFieldStrength': 3, 'SkullStripped': option == 'force'}
    assert run(make_dataset('sub-01', metadata=metadata), '--skull-strip', option) == 0
    assert asked.call_args.args[2] is (option == 'skip')
    told = notes(quality(tmp_path / 'out'))
    assert any(f'--skull-strip {option}' in note and said in note for note in told)
    sidecar = tmp_path / 'out/sub-01/anat/sub-01_desc-preproc_T1w.json'
    assert json.loads(sidecar.read_text())['SkullStripped'] is (option == 'skip')


def test_a_reference_scan_sets_the_target_of_all(make_dataset, run, tmp_path):
    root = make_dataset('sub-01', 'sub-02')
    reference = make_dataset('sub-09', name='elsewhere') / 'sub-09/anat/sub-09_T1w.nii.gz'
    assert run(root, '--target-like', str(reference)) == 0
    for label in ('01', '02'):
        plan = quality(tmp_path / 'out', f'sub-{label}')['contrast']
        assert plan['target_sources'] == ['measured in sub-09_T1w.nii.gz'] * 3
        # The reference is the same phantom: WM and GM, which are measured in both, stay.
        assert plan['contrast_vector'][1:] == pytest.approx([1, 1], abs=0.1)


def test_a_bad_reference_fails_every_scan_and_is_named(make_dataset, run, tmp_path, capfd):
    root = make_dataset('sub-01', 'sub-02')
    reference = make_dataset('sub-09', name='elsewhere') / 'sub-09/anat/sub-09_T1w.nii.gz'
    reference.write_bytes(b'')
    assert run(root, '--target-like', str(reference)) == 65
    told = capfd.readouterr().err
    # Once before any compute, and once in the verdict of each scan.
    assert told.count('the file is empty (0 bytes)') == 3
    assert 'processing' not in told
    assert str(reference) in told
