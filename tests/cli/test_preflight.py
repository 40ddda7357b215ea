"""What must stop a run before any work, and with which exit code."""

import os
import re

import nibabel as nib
import pytest
from synthseg import put_synthseg

from ulfprep.cli import preflight
from ulfprep.cli.device import describe_device
from ulfprep.cli.exit_codes import Exit, Stop
from ulfprep.cli.main import main


@pytest.fixture
def args(make_dataset, tmp_path):
    """Return the arguments of a run that would pass, as a dict to change."""
    return {
        'bids': make_dataset('sub-01'),
        'out': tmp_path / 'out',
        'work': tmp_path / 'work',
        'more': ['--device', 'cpu', '--segmentation', 'embedded'],
    }


def run(args):
    return main([
        str(args['bids']), str(args['out']), 'participant', '-w', str(args['work']),
        '--skip-bids-validation', *args['more'],
    ])  # fmt: skip


def expect(args, code, capsys, *words):
    """Run, and expect a code, one line that holds some words, and no trace of work."""
    assert run(args) == code
    error = capsys.readouterr().err
    last = [line for line in error.splitlines() if line.startswith('ulfprep: error:')]
    assert len(last) == 1
    for word in words:
        assert str(word) in last[0]
    assert not list(args['bids'].parent.rglob('sub-*_desc-*'))


def test_missing_folder(args, capsys, tmp_path):
    args['bids'] = tmp_path / 'nowhere'
    expect(args, Exit.NO_INPUT, capsys, tmp_path / 'nowhere')


def test_folder_without_description(args, capsys):
    (args['bids'] / 'dataset_description.json').unlink()
    expect(args, Exit.NO_INPUT, capsys, 'dataset_description.json')


@pytest.mark.parametrize('text', ['{"Name": ', '[]'])
def test_broken_description(args, capsys, text):
    (args['bids'] / 'dataset_description.json').write_text(text)
    expect(args, Exit.INVALID_DATASET, capsys, 'dataset_description.json')


def test_a_broken_sidecar_costs_its_own_scan(args, capsys):
    (args['bids'] / 'sub-01/anat/sub-01_T1w.json').write_text('{"EchoTime": ')
    assert run(args) == Exit.BAD_DATA
    lines = [line for line in capsys.readouterr().err.splitlines() if 'failed' in line]
    assert len(lines) == 1
    assert 'sub-01/anat/sub-01_T1w.json: not readable as JSON' in lines[0]


def test_a_broken_sidecar_of_all_scans_ends_the_run(args, capsys):
    (args['bids'] / 'T1w.json').write_text('{"EchoTime": ')
    expect(args, Exit.INVALID_DATASET, capsys, f'{args["bids"]}/T1w.json', 'mend')


def test_output_is_input(args, capsys):
    args['out'] = args['bids']
    expect(args, Exit.USAGE, capsys, args['bids'], 'derivatives')


def test_output_contains_input(args, capsys):
    args['out'] = args['bids'].parent
    expect(args, Exit.USAGE, capsys, 'contains')


def test_work_in_input(args, capsys):
    args['work'] = args['bids'] / 'work'
    expect(args, Exit.USAGE, capsys, '--work-dir')
    assert not (args['bids'] / 'work').exists()


def test_work_folder_that_nipype_stumbles_over(args, capsys, tmp_path):
    args['work'] = tmp_path / 'my_unfinished_things'
    expect(args, Exit.USAGE, capsys, '_unfinished', '--work-dir')


def test_output_cannot_be_created(args, capsys, tmp_path):
    (tmp_path / 'file').write_text('')
    args['out'] = tmp_path / 'file' / 'out'
    expect(args, Exit.CANNOT_CREATE, capsys, tmp_path / 'file')


@pytest.mark.skipif(os.geteuid() == 0, reason='nothing is read-only to root')
def test_output_not_writable(args, capsys):
    args['out'].mkdir(mode=0o500)
    expect(args, Exit.CANNOT_CREATE, capsys, args['out'])


def test_unknown_participant_lists_the_known(args, capsys):
    args['more'] += ['--participant-label', '99']
    expect(args, Exit.NOTHING_SELECTED, capsys, '99', 'known: 01')


def test_unknown_session(args, capsys):
    args['more'] += ['--session-label', 'B']
    expect(args, Exit.NOTHING_SELECTED, capsys, 'B', 'known: none')


def test_no_t1w(args, capsys, make_dataset):
    args['bids'] = make_dataset('sub-02', name='t2', suffix='T2w')
    expect(args, Exit.NOTHING_SELECTED, capsys, 'no T1w')


def test_fast_without_fsl(args, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv('PATH', str(tmp_path))
    args['more'] = ['--device', 'cpu', '--segmentation', 'fast']
    expect(args, Exit.USAGE, capsys, 'fast', 'leave --segmentation out')
    assert not args['out'].exists()


@pytest.mark.parametrize('flag', ['--write-sbatch', '--dry-run'])
def test_synthseg_without_freesurfer(args, capsys, monkeypatch, tmp_path, flag):
    monkeypatch.setenv('PATH', str(tmp_path))
    args['more'] = ['--device', 'cpu', '--segmentation', 'synthseg']
    words = ('SynthSeg', '`mri_synthseg`', 'FreeSurfer (7.2', 'leave --segmentation out')
    expect(args, Exit.USAGE, capsys, *words)
    args['more'] += [flag, str(tmp_path / 'jobs')] if flag == '--write-sbatch' else [flag]
    expect(args, Exit.USAGE, capsys, *words)
    assert not args['out'].exists()


def test_synthseg_takes_no_prior(monkeypatch, tmp_path):
    put_synthseg(tmp_path / 'freesurfer', monkeypatch)
    monkeypatch.setenv('PATH', str(tmp_path / 'freesurfer'))
    assert preflight.resolve_segmentation('synthseg') == 'synthseg'
    with pytest.raises(Stop, match='--tissue-prior template is of the embedded segmentation'):
        preflight.resolve_segmentation('synthseg', 'template')


@pytest.fixture
def with_fsl(monkeypatch, tmp_path):
    """Put a command named fast on the PATH."""
    folder = tmp_path / 'fsl'
    folder.mkdir()
    (folder / 'fast').write_text('#!/bin/sh\n')
    (folder / 'fast').chmod(0o755)
    monkeypatch.setenv('PATH', str(folder))


@pytest.mark.usefixtures('with_fsl')
def test_fast_takes_no_prior(args, capsys):
    args['more'] = ['--device', 'cpu', '--segmentation', 'fast', '--tissue-prior', 'template']
    expect(args, Exit.USAGE, capsys, '--tissue-prior template', '--segmentation embedded')
    assert not args['out'].exists()


@pytest.mark.usefixtures('with_fsl')
def test_auto_is_the_network_whatever_is_installed_and_a_prior_the_embedded_segmentation():
    assert preflight.resolve_segmentation('auto') == 'network'
    assert preflight.resolve_segmentation('auto', 'template') == 'embedded'


def test_a_prior_without_its_template(args, capsys, monkeypatch):
    monkeypatch.setattr('ulfprep.segmentation.template.find_spec', lambda name: None)
    args['more'] += ['--tissue-prior', 'template']
    expect(args, Exit.USAGE, capsys, 'nilearn', '--tissue-prior none')
    assert not args['out'].exists()


def test_gpu_that_is_not_there(args, capsys, monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    args['more'] = ['--device', 'cuda', '--segmentation', 'embedded']
    expect(args, Exit.USAGE, capsys, '--device cuda', '--device cpu')
    assert not args['out'].exists()


def test_gpu_number_too_high(monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: True)
    monkeypatch.setattr('torch.cuda.device_count', lambda: 2)
    assert preflight.resolve_device('cuda:1') == 'cuda:1'
    with pytest.raises(Stop, match='2 GPU'):
        preflight.resolve_device('cuda:2')


@pytest.mark.parametrize(('there', 'device'), [(True, 'cuda'), (False, 'cpu')])
def test_only_auto_chooses(monkeypatch, there, device):
    monkeypatch.setattr('torch.cuda.is_available', lambda: there)
    monkeypatch.setattr('torch.cuda.device_count', lambda: 1)
    assert preflight.resolve_device('auto') == device


def test_the_log_says_which_device_was_taken_and_why(monkeypatch):
    monkeypatch.setattr('torch.cuda.get_device_name', lambda number: f'Card {number}')
    assert describe_device('cuda:1', 'cuda:1') == 'device: cuda:1, Card 1 (--device cuda:1)'
    assert describe_device('auto', 'cuda') == 'device: cuda:0, Card 0 (--device auto)'
    assert describe_device('cpu', 'cpu') == 'device: cpu (--device cpu)'
    assert re.fullmatch(
        r'device: cpu \(--device auto; torch \S+ sees no GPU\)', describe_device('auto', 'cpu')
    )


def test_group_without_results(tmp_path, capsys, fake_core):
    assert main([str(tmp_path / 'in'), str(tmp_path / 'out'), 'group']) == Exit.NO_INPUT
    (tmp_path / 'out').mkdir()
    assert main([str(tmp_path / 'in'), str(tmp_path / 'out'), 'group']) == Exit.NO_INPUT
    assert 'participant level first' in capsys.readouterr().err


def test_environment_stays_inside_the_work_folder(tmp_path, monkeypatch):
    from ulfprep.cli.environment import prepared
    from ulfprep.settings import Settings

    monkeypatch.setenv('MPLCONFIGDIR', '/before')
    monkeypatch.delenv('NO_ET', raising=False)
    with prepared(Settings(tmp_path, tmp_path, work_dir=tmp_path / 'w', omp_nthreads=3)):
        assert os.environ['NO_ET'] == '1'
        assert os.environ['OMP_NUM_THREADS'] == '3'
        for name in ('TEMPLATEFLOW_HOME', 'MPLCONFIGDIR', 'XDG_CACHE_HOME', 'NIPYPE_CONFIG_DIR'):
            assert os.environ[name].startswith(str(tmp_path / 'w'))
    assert os.environ['MPLCONFIGDIR'] == '/before'
    assert 'NO_ET' not in os.environ


@pytest.mark.parametrize(
    ('more', 'words'),
    [
        (['--target-sequence', 'MPRAGE9'], ['MPRAGE9', 'HF-T1w']),
        (['--target-contrast', 'WM-GM=high'], ['WM-GM=high']),
        (['--target-contrast', 'WM-GM=.4', 'WM-CSF=1', 'GM-CSF=0'], ['contradict']),
    ],
)
def test_targets_that_cannot_be_met(args, capsys, more, words):
    args['more'] += more
    expect(args, Exit.USAGE, capsys, *words)


def test_relaxation_values_that_cannot_be_used(args, capsys, tmp_path):
    (tmp_path / 'own.tsv').write_text('tissue\tfield_T\tT1_ms\nfat\t3\t300\n')
    args['more'] += ['--relaxation', str(tmp_path / 'own.tsv')]
    expect(args, Exit.USAGE, capsys, "row 1: tissue is 'fat'")


def test_a_reference_scan_must_be_there_and_of_one_modality(args, capsys, tmp_path):
    start = args['more']
    args['more'] = [*start, '--target-like', str(tmp_path / 'ref.nii.gz')]
    expect(args, Exit.NO_INPUT, capsys, 'ref.nii.gz', '--target-like')
    args['more'] = [*start, '--target-like', str(tmp_path / 'ref.mgz')]
    expect(args, Exit.USAGE, capsys, 'takes a NIfTI file')
    (tmp_path / 'ref.nii.gz').write_bytes(b'x')
    args['more'] = [
        *start, '--target-like', str(tmp_path / 'ref.nii.gz'), '--modalities', 'T1w', 'T2w'
    ]  # fmt: skip
    expect(args, Exit.USAGE, capsys, 'one modality')


@pytest.mark.parametrize('content', ['{"EchoTime": ', '[1]'])
def test_the_sidecar_of_a_reference_must_be_readable(args, capsys, tmp_path, content):
    (tmp_path / 'ref.nii.gz').write_bytes(b'x')
    (tmp_path / 'ref.json').write_text(content)
    args['more'] += ['--target-like', str(tmp_path / 'ref.nii.gz')]
    expect(args, Exit.USAGE, capsys, tmp_path / 'ref.json', 'JSON')


def test_the_sequence_of_the_scans_is_that_of_one_modality(args, capsys):
    args['more'] += ['--source-sequence', 'ULF-T2w', '--modalities', 'T1w', 'T2w']
    expect(args, Exit.USAGE, capsys, '--source-sequence', '--modalities')


def test_the_sequence_of_the_scans_has_to_be_known(args, capsys):
    args['more'] += ['--source-sequence', 'ULF-T9w']
    expect(args, Exit.USAGE, capsys, "no sequence is called 'ULF-T9w'")


def test_a_brain_mask_must_be_there_and_be_one(args, capsys, tmp_path, phantom):
    start, path = args['more'], tmp_path / 'mask.nii.gz'
    args['more'] = [*start, '--brain-mask', str(path)]
    expect(args, Exit.NO_INPUT, capsys, path, '--brain-mask')
    path.write_bytes(b'x')
    expect(args, Exit.NO_INPUT, capsys, path, 'not a readable NIfTI file')
    nib.save(phantom, path)
    expect(args, Exit.BAD_DATA, capsys, path, 'not a mask of 0 and 1')
    away = phantom.affine.copy()
    away[0, 3] += 500
    nib.save(nib.Nifti1Image((phantom.get_fdata() > 15).astype('uint8'), away), path)
    expect(args, Exit.BAD_DATA, capsys, path, '0 % of the mask', 'sub-01_T1w.nii.gz')
    args['more'] = [*start, '--brain-mask', str(tmp_path / 'mask.mgz')]
    (tmp_path / 'mask.mgz').write_bytes(b'x')
    expect(args, Exit.USAGE, capsys, 'mask.mgz', 'takes a NIfTI file')


def test_a_scan_without_its_brain_mask_costs_no_other(
    args, capsys, tmp_path, make_dataset, phantom, fake_core
):
    make_dataset('sub-02')
    folder = tmp_path / 'masks'
    (folder / 'sub-01').mkdir(parents=True)
    mask = nib.Nifti1Image((phantom.get_fdata() > 15).astype('uint8'), phantom.affine)
    nib.save(mask, folder / 'sub-01/sub-01_mask.nii.gz')
    start = args['more']
    args['more'] = [*start, '--brain-mask', str(folder / 'sub-01/sub-01_mask.nii.gz')]
    expect(args, Exit.USAGE, capsys, 'one mask for 2 scans')
    args['more'] = [*start, '--brain-mask', str(folder)]
    assert run(args) == Exit.FAILURE
    said = capsys.readouterr().err
    assert 'sub-01_T1w  finished' in said
    assert f'{folder}: no brain mask for sub-02_T1w' in said
    (folder / 'sub-01/sub-01_mask.nii.gz').rename(tmp_path / 'sub-01_mask.nii.gz')
    assert run(args) == Exit.NO_INPUT
    said = capsys.readouterr().err
    assert f'{folder}: no brain mask for sub-01_T1w' in said
    assert 'the masks of sub-02_T1w are missing or unusable, too' in said


def test_other_modalities_that_are_there_are_named(args, capsys):
    args['more'] += ['--modalities', 'T2w', 'FLAIR']
    expect(args, Exit.NOTHING_SELECTED, capsys, 'no T2w or FLAIR scan', 'there is 1 T1w', '-m T1w')


@pytest.mark.parametrize(
    ('kind', 'variable'),
    [('Docker', 'ULFPREP_IN_CONTAINER'), ('Apptainer', 'APPTAINER_CONTAINER')],
)
def test_in_a_container_errors_say_how_folders_get_in(
    args, capsys, tmp_path, monkeypatch, kind, variable
):
    for name in ('APPTAINER_CONTAINER', 'SINGULARITY_CONTAINER', 'ULFPREP_IN_CONTAINER'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, 'ulfprep:1')
    bind = 'docker run -v' if kind == 'Docker' else 'apptainer run -B'
    start = args['bids']
    args['bids'] = tmp_path / 'nowhere'
    expect(args, Exit.NO_INPUT, capsys, tmp_path / 'nowhere', bind)
    args['bids'] = start
    (tmp_path / 'file').write_text('')
    args['out'] = tmp_path / 'file' / 'out'
    way_out = 'docker run -u' if kind == 'Docker' else bind
    expect(args, Exit.CANNOT_CREATE, capsys, tmp_path / 'file', way_out)


def test_a_container_is_known_by_its_files(tmp_path, monkeypatch):
    from ulfprep.cli.environment import container

    for name in ('APPTAINER_CONTAINER', 'SINGULARITY_CONTAINER', 'ULFPREP_IN_CONTAINER'):
        monkeypatch.delenv(name, raising=False)
    assert container(tmp_path) == ''
    (tmp_path / '.dockerenv').touch()
    assert container(tmp_path) == 'Docker'


def test_slurm_without_its_commands(args, capsys, monkeypatch, tmp_path):
    (tmp_path / 'plugin.yml').write_text('plugin: SLURM')
    monkeypatch.setenv('PATH', str(tmp_path))
    args['more'] += ['--use-plugin', str(tmp_path / 'plugin.yml')]
    expect(args, Exit.USAGE, capsys, 'plugin.yml', 'no command `sbatch`')


@pytest.mark.parametrize(
    ('flags', 'kernels'),
    [
        ('sse2 avx avx2 fma', {'OPENBLAS_CORETYPE': 'Haswell'}),
        ('sse2 avx fma', {}),  # these kernels would end the process there
        ('fp asimd evtstrm aes', {}),  # no x86 at all
    ],
)
def test_kernels_of_openblas_are_those_that_the_processor_can_run(tmp_path, flags, kernels):
    from ulfprep.cli.environment import openblas_kernels

    cpus = tmp_path / 'cpuinfo'
    cpus.write_text(f'processor : 0\nflags\t\t: {flags}\n')
    assert openblas_kernels(cpus) == kernels
    assert openblas_kernels(tmp_path / 'none') == {}


@pytest.mark.parametrize('chosen', [{}, {'GOMP_SPINCOUNT': '7'}, {'OMP_WAIT_POLICY': 'ACTIVE'}])
def test_how_long_idle_threads_spin_is_the_users_choice(monkeypatch, chosen):
    from ulfprep.cli.environment import patience_of_threads

    for name in ('GOMP_SPINCOUNT', 'OMP_WAIT_POLICY'):
        monkeypatch.delenv(name, raising=False)
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    assert bool(patience_of_threads()) == (not chosen)
