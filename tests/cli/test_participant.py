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
from runs import QUICK, validate
from same import lasting

from ulfprep.bids.read.dataset import find_scans
from ulfprep.bids.task import Task
from ulfprep.bids.write.derivatives import golden_list
from ulfprep.cli.main import main
from ulfprep.cli.parser import parse_args

pytestmark = pytest.mark.usefixtures('in_process')


def files_below(folder):
    return {
        path.relative_to(folder).as_posix(): lasting(path)
        for path in folder.rglob('*')
        if path.is_file() and 'logs' not in path.parts
    }


def test_finished_scan_is_exactly_the_golden_list(make_dataset, run, tmp_path):
    root = make_dataset('sub-01_ses-A_acq-x_run-01')
    assert run(root) == 0
    out = tmp_path / 'out'
    scan = find_scans(parse_args([str(root), str(out), 'participant']))[0]
    expected = {path.as_posix() for path in golden_list(Task(scan), 'enhance')}
    expected |= {'dataset_description.json', 'README.md', '.bidsignore', 'dseg.tsv'}
    expected |= {'sub-01_ses-A.html'}
    assert set(files_below(out)) == expected


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
    before = {path: lasting(path) for path in raw.rglob('*') if path.is_file()}
    monkeypatch.chdir(tmp_path / 'out')
    words = [place, '.', 'participant', *QUICK, '--participant-label', '01']
    for flag in ('--force', '--clean-workdir'):
        assert main([*words, flag]) == 0
    assert main([place, '.', 'group']) == 0
    assert {path: lasting(path) for path in raw.rglob('*') if path.is_file()} == before
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
    qc = json.loads((tmp_path / 'out/sub-01/anat/sub-01_desc-qc_T1w.json').read_text())
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
    assert any('0.064 T from the sidecar' in note['text'] for note in qc['notes'])
    assert '[@n4]' in qc['methods']
    assert str(tmp_path) not in json.dumps(qc)
    text = (tmp_path / 'out/logs/CITATION.md').read_text()
    assert 'No network is trained' in ' '.join(text.split())
    assert '- [@nipype] ' in text
    (log,) = (tmp_path / 'out/logs').glob('*/ulfprep.log')
    assert 'device: cpu (--device ' in log.read_text()


def test_another_resolution_replaces_the_images_of_the_last(finished, run, tmp_path):
    anat = tmp_path / 'out/sub-01/anat'

    def labels():
        return {path.name.split('_')[1] for path in anat.glob('sub-01_res-*')}

    assert labels() == {'res-1mm'}
    residual = (anat / 'sub-01_desc-residual_T1w.nii.gz').read_bytes()
    image = nib.load(anat / 'sub-01_res-1mm_desc-enhanced_T1w.nii.gz')
    # Read now: the next run removes the image.
    fine = nib.Nifti1Image(image.get_fdata(), image.affine)
    metrics = json.loads((anat / 'sub-01_desc-qc_T1w.json').read_text())['metrics']
    # The files that are there are not taken for those of another resolution.
    assert run(finished, '--output-resolution', '2.5') == 0
    coarse = nib.load(anat / 'sub-01_res-2p5mm_desc-enhanced_T1w.nii.gz')
    np.testing.assert_allclose(coarse.header.get_zooms(), 2.5)
    assert labels() == {'res-2p5mm'}
    # What lies on the grid of the scan is the same whatever is rendered.
    assert (anat / 'sub-01_desc-residual_T1w.nii.gz').read_bytes() == residual
    assert json.loads((anat / 'sub-01_desc-qc_T1w.json').read_text())['metrics'] == metrics
    # Samples of one smooth field.
    there = resample_from_to(fine, coarse, order=1).get_fdata()
    inside = (coarse.get_fdata() > 0) & (there > 0)
    assert inside.sum() > 10_000
    assert np.corrcoef(there[inside], coarse.get_fdata()[inside])[0, 1] > 0.95


def test_what_is_finished_is_run_again_only_if_something_changed(finished, run, tmp_path, capsys):
    out = tmp_path / 'out'
    qc_file = out / 'sub-01/anat/sub-01_desc-qc_T1w.json'

    def times():
        return {path: path.stat().st_mtime_ns for path in (out / 'sub-01').rglob('*')}

    first, before = files_below(out), times()
    assert run(finished) == 0
    assert 'finished before with the same settings' in capsys.readouterr().err
    assert times() == before
    # A file that is lost is made again, and all of them from nothing, with the same bytes.
    (out / 'sub-01/anat/sub-01_dseg.nii.gz').unlink()
    assert run(finished) == 0
    assert files_below(out) == first
    shutil.rmtree(out)
    shutil.rmtree(tmp_path / 'wörk dir')
    assert run(finished) == 0
    assert files_below(out) == first
    one = json.loads(qc_file.read_text())
    assert run(finished, '--random-seed', '7') == 0
    other = json.loads(qc_file.read_text())
    assert (one['seed'], other['seed']) == (20250101, 7)
    assert one['settings_hash'] != other['settings_hash']
    # The noise that is drawn tells how much of it passes the inverse: it is in the error bar.
    again = files_below(out)
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


def test_full_disk_is_an_input_output_error(make_dataset, run, monkeypatch, capsys):
    def full(*args):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('ulfprep.bids.write.dataset.write_dataset_files', full)
    assert run(make_dataset('sub-01')) == 74
    assert 'No space left' in capsys.readouterr().err


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


def test_high_field_scan_is_simulated(make_dataset, run, tmp_path):
    root = make_dataset('sub-01', metadata={'MagneticFieldStrength': 3})
    assert run(root) == 0
    out = tmp_path / 'out'
    scan = find_scans(parse_args([str(root), str(out), 'participant']))[0]
    expected = {path.as_posix() for path in golden_list(Task(scan), 'simulate')}
    assert expected <= set(files_below(out))
    assert not list(out.rglob('*enhanced*'))


def test_group_table_has_a_row_for_each_scan(make_dataset, run, tmp_path):
    metadata = {'MagneticFieldStrength': 3}
    run(make_dataset('sub-01_run-1', 'sub-01_run-2', 'sub-02_ses-A', metadata=metadata))
    assert main([str(tmp_path / 'gone'), str(tmp_path / 'out'), 'group']) == 0
    lines = (tmp_path / 'out/group_T1w.tsv').read_text().splitlines()
    header, *rows = [line.split('\t') for line in lines]
    assert [row[0] for row in rows] == ['sub-01_run-1', 'sub-01_run-2', 'sub-02_ses-A']
    assert rows[0][header.index('fber')] == 'n/a'  # without air there is none
    for row in rows:
        assert float(row[header.index('contrast_wm_gm_simulated')]) > 0
    assert set(json.loads((tmp_path / 'out/group_T1w.json').read_text())) == set(header)


def test_simulated_scans_become_a_raw_dataset_that_can_be_enhanced(make_dataset, run, tmp_path):
    root = make_dataset('sub-01_rec-x', 'sub-02_ses-A', metadata={'MagneticFieldStrength': 3.0})
    raw = tmp_path / 'raw ulf'
    more = ['--n-realisations', '2', '--simulate-as-bids', str(raw)]
    more += ['--target-resolution', '6', '6', '7.5']
    assert run(root, *more) == 0
    derived = {p.relative_to(tmp_path / 'out') for p in (tmp_path / 'out').rglob('*')}
    settings = parse_args([str(root), str(tmp_path / 'out'), 'participant', *more])
    for scan in find_scans(settings):
        assert set(golden_list(Task(scan), 'simulate', 2)) <= derived
    assert not any('enhanced' in path.name for path in derived)
    found = sorted(p.relative_to(raw).as_posix() for p in raw.rglob('*.nii.gz'))
    assert found == [
        'sub-01/anat/sub-01_rec-xsim1_T1w.nii.gz',
        'sub-01/anat/sub-01_rec-xsim2_T1w.nii.gz',
        'sub-02/ses-A/anat/sub-02_ses-A_rec-sim1_T1w.nii.gz',
        'sub-02/ses-A/anat/sub-02_ses-A_rec-sim2_T1w.nii.gz',
    ]
    before = files_below(raw)
    # Lost files come back from the derivatives; nothing is run for them.
    (raw / found[2]).unlink()
    assert run(root, *more) == 0
    assert files_below(raw) == before
    # The simulated dataset is input like any other.
    one = ('--participant-label', '01')
    assert run(raw, *one, out='enhanced') == 0
    qc = tmp_path / 'enhanced/sub-01/anat/sub-01_rec-xsim1_desc-qc_T1w.json'
    assert json.loads(qc.read_text())['direction'] == 'enhance'


def test_no_realisation_of_an_earlier_run_is_left(make_dataset, run, tmp_path):
    root = make_dataset('sub-01', 'sub-01_run-1', metadata={'MagneticFieldStrength': 3.0})
    anat = tmp_path / 'out/sub-01/anat'

    def simulated():
        return sorted(p.name for p in anat.glob('*_res-ulf_*.nii.gz'))

    assert run(root, '--n-realisations', '10') == 0
    assert len(simulated()) == 20
    assert run(root, '--n-realisations', '2') == 0
    assert simulated() == [
        f'sub-01{run_}_res-ulf_desc-simulated{k}_T1w.nii.gz' for run_ in ('', '_run-1')
        for k in (1, 2)
    ]  # fmt: skip
    assert len(list(anat.glob('*_res-ulf_*.json'))) == 4


def test_a_folder_that_is_something_else_takes_no_simulations(make_dataset, run, tmp_path, capsys):
    root = make_dataset('sub-01', metadata={'MagneticFieldStrength': 3.0})
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine/thesis.tex').write_text('x')
    assert run(root, '--simulate-as-bids', str(tmp_path / 'mine')) == 64
    assert 'was not simulated by ulfprep' in capsys.readouterr().err
    assert run(root, '--simulate-as-bids', str(root / 'sub-01')) == 64


def test_a_mask_of_ones_own_is_used_and_said_everywhere(make_dataset, run, tmp_path, phantom):
    root = make_dataset('sub-01', 'sub-02')
    masks = tmp_path / 'mine'

    def draw(label, radius):
        """Write a ball as mask, on a grid of its own."""
        (masks / f'sub-{label}/anat').mkdir(parents=True, exist_ok=True)
        x, y, z = np.indices((80, 80, 80)) * 2.0 - 79
        ball = (x**2 + y**2 + z**2 < radius**2).astype(np.uint8)
        affine = np.diag([-2.0, 2, 2, 1])
        affine[:3, 3] = (79, -79, -79)
        path = masks / f'sub-{label}/anat/sub-{label}_desc-brain_mask.nii.gz'
        nib.save(nib.Nifti1Image(ball, affine), path)

    def volume(label):
        image = nib.load(tmp_path / f'out/sub-{label}/anat/sub-{label}_desc-brain_mask.nii.gz')
        return np.asarray(image.dataobj).sum() * 270 / 1000

    draw('01', 44)
    draw('02', 42.5)
    assert run(root, '--brain-mask', str(masks)) == 0
    for label, radius in (('01', 44), ('02', 42.5)):
        assert volume(label) == pytest.approx(4 / 3 * np.pi * radius**3 / 1000, rel=0.05)
        anat = tmp_path / f'out/sub-{label}/anat'
        name = f'sub-{label}_desc-brain_mask.nii.gz'
        qc = json.loads((anat / f'sub-{label}_desc-qc_T1w.json').read_text())
        assert any(name in note['text'] and '--brain-mask' in note['text'] for note in qc['notes'])
        assert any('the brain mask holds' in note['text'] for note in qc['notes'])
        assert "user's own brain mask" in qc['methods']
        assert 'deepbet' not in qc['methods']
        assert str(tmp_path) not in json.dumps(qc)
        assert name in (tmp_path / f'out/sub-{label}.html').read_text()
        sidecar = json.loads((anat / f'sub-{label}_desc-brain_mask.json').read_text())
        assert f"the user's own ({name})" in sidecar['Description']
    # A mask drawn anew makes its scan run again, and no other.
    other = tmp_path / 'out/sub-02/anat/sub-02_desc-qc_T1w.json'
    before = other.stat().st_mtime_ns
    draw('01', 43)
    assert run(root, '--brain-mask', str(masks)) == 0
    assert volume('01') == pytest.approx(4 / 3 * np.pi * 43**3 / 1000, rel=0.05)
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
    anat = tmp_path / 'out/sub-01/anat'
    qc = json.loads((anat / 'sub-01_desc-qc_T1w.json').read_text())
    notes = [note['text'] for note in qc['notes']]
    assert any(f'--skull-strip {option}' in note and said in note for note in notes)
    stripped = json.loads((anat / 'sub-01_desc-preproc_T1w.json').read_text())['SkullStripped']
    assert stripped is (option == 'skip')


def test_a_reference_scan_sets_the_target_of_all(make_dataset, run, tmp_path):
    root = make_dataset('sub-01', 'sub-02')
    reference = make_dataset('sub-09', name='elsewhere') / 'sub-09/anat/sub-09_T1w.nii.gz'
    assert run(root, '--target-like', str(reference)) == 0
    for label in ('01', '02'):
        qc = tmp_path / f'out/sub-{label}/anat/sub-{label}_desc-qc_T1w.json'
        plan = json.loads(qc.read_text())['contrast']
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
