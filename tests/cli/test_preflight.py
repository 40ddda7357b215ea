"""What must stop a run before any work, and with which exit code."""

import os
import re

import nibabel as nib
import pytest
from synthseg import put_synthseg

from ulfprep.bids.read.index import DATABASE, anatomical_images
from ulfprep.cli import preflight
from ulfprep.cli.environment import container, openblas_kernels, patience_of_threads, prepared
from ulfprep.cli.exit_codes import Exit, Stop
from ulfprep.cli.preflight import describe_device
from ulfprep.settings import Settings


@pytest.fixture
def expect(tmp_path, run, capsys):
    """Return a function that expects a code, one line that holds some words, and no work."""

    def expect(root, args, code, *words, out='out'):
        assert run(root, *args, out=out) == code
        error = capsys.readouterr().err
        (last,) = [line for line in error.splitlines() if line.startswith('ulfprep: error:')]
        for word in words:
            assert str(word) in last
        assert not list(tmp_path.rglob('sub-*_desc-*'))

    return expect


@pytest.mark.parametrize(
    ('file', 'content', 'code', 'words'),
    [
        ('dataset_description.json', None, Exit.NO_INPUT, ['dataset_description.json']),
        ('dataset_description.json', '[]', Exit.INVALID_DATASET, ['dataset_description.json']),
        ('T1w.json', '{"EchoTime": ', Exit.INVALID_DATASET, ['raw/T1w.json', 'mend']),
    ],
)
def test_datasets_that_cannot_be_read(make_dataset, expect, file, content, code, words):
    root = make_dataset('sub-01')
    if content is None:
        (root / file).unlink()
    else:
        (root / file).write_text(content)
    expect(root, [], code, *words)


#: Files that flags name.
FILES = {
    'ref.nii.gz': 'x', 'ref.mgz': 'x', 'cut.nii.gz': 'x', 'list.nii.gz': 'x',
    'cut.json': '{"EchoTime": ', 'list.json': '[1]',
    'fat.tsv': 'tissue\tfield_T\tT1_ms\nfat\t3\t300\n',
    'slurm.yml': 'plugin: SLURM', 'cut.yml': 'plugin: [', 'list.yml': '- Linear',
    'typo.yml': 'plugin: Linaer', 'more.yml': 'plugin: Linear\nn_procs: 2',
    'args.yml': 'plugin: Linear\nplugin_args: 3',
}  # fmt: skip


@pytest.mark.parametrize(
    ('args', 'code', 'words'),
    [
        ('--participant-label 99', Exit.NOTHING_SELECTED, ['99', 'known: 01']),
        ('--session-label B', Exit.NOTHING_SELECTED, ['B', 'known: none']),
        (
            '--modalities T2w FLAIR', Exit.NOTHING_SELECTED,
            ['no T2w or FLAIR scan', 'there is 1 T1w', '-m T1w'],
        ),
        ('--fuse contrasts', Exit.USAGE, ['--modalities']),
        ('--group-by site', Exit.USAGE, ['--group-by is for the group level']),
        ('--target-sequence MPRAGE9', Exit.USAGE, ['MPRAGE9', 'HF-T1w']),
        ('--source-sequence ULF-T9w', Exit.USAGE, ["no sequence is called 'ULF-T9w'"]),
        (
            '--source-sequence ULF-T2w --modalities T1w T2w', Exit.USAGE,
            ['--source-sequence', '--modalities'],
        ),
        ('--target-contrast WM-GM=high', Exit.USAGE, ['WM-GM=high']),
        ('--target-contrast WM-GM=.4 WM-CSF=1 GM-CSF=0', Exit.USAGE, ['contradict']),
        ('--relaxation fat.tsv', Exit.USAGE, ["row 1: tissue is 'fat'"]),
        ('--target-like no.nii.gz', Exit.NO_INPUT, ['no.nii.gz', '--target-like']),
        ('--target-like ref.mgz', Exit.USAGE, ['takes a NIfTI file']),
        ('--target-like ref.nii.gz --modalities T1w T2w', Exit.USAGE, ['one modality']),
        ('--target-like cut.nii.gz', Exit.USAGE, ['cut.json', 'JSON']),
        ('--target-like list.nii.gz', Exit.USAGE, ['list.json', 'JSON']),
        ('--reference no.nii.gz', Exit.NO_INPUT, ['no.nii.gz', 'cannot be read']),
        ('--reference ref.mgz', Exit.USAGE, ['ref.mgz', 'NIfTI']),
        ('--brain-mask no.nii.gz', Exit.NO_INPUT, ['no.nii.gz', '--brain-mask']),
        ('--brain-mask cut.json', Exit.USAGE, ['cut.json', 'a folder of BIDS derivatives']),
        ('--brain-mask ref.mgz', Exit.NO_INPUT, ['ref.mgz', 'not a readable FreeSurfer volume']),
        ('--brain-mask ref.nii.gz', Exit.NO_INPUT, ['ref.nii.gz', 'not a readable NIfTI file']),
        ('--brain-mask scan.nii.gz', Exit.BAD_DATA, ['scan.nii.gz', 'not a mask of 0 and 1']),
        (
            '--brain-mask far.nii.gz', Exit.BAD_DATA,
            ['far.nii.gz', '0 % of the mask', 'sub-01_T1w.nii.gz'],
        ),
        ('-d nowhere', Exit.NO_INPUT, ['there is no such folder; mend --derivatives']),
        ('-d empty', Exit.NOTHING_SELECTED, ['nothing there is of use to any of the 1 selected']),
        ('-d out', Exit.USAGE, ['is the output folder']),
        ('--segmentation fast', Exit.USAGE, ['fast', 'leave --segmentation out']),
        ('--device cuda', Exit.USAGE, ['--device cuda', '--device cpu']),
        ('--use-plugin no.yml', Exit.NO_INPUT, ['no.yml', '--use-plugin']),
        ('--use-plugin slurm.yml', Exit.USAGE, ['slurm.yml', 'no command `sbatch`']),
        ('--use-plugin cut.yml', Exit.USAGE, ['cut.yml', 'not readable as YAML']),
        ('--use-plugin list.yml', Exit.USAGE, ['list.yml', 'must name a plugin']),
        ('--use-plugin typo.yml', Exit.USAGE, ['typo.yml', "no plugin 'Linaer'; it has"]),
        ('--use-plugin more.yml', Exit.USAGE, ['more.yml', 'not n_procs']),
        ('--use-plugin args.yml', Exit.USAGE, ['args.yml', 'must be names with values']),
        ('--sbatch-arg=-p', Exit.USAGE, ['--sbatch-arg is used together with --write-sbatch']),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_for(
    make_dataset, expect, tmp_path, monkeypatch, phantom, args, code, words
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    root = make_dataset('sub-01')
    for folder in ('empty', 'out'):
        (tmp_path / folder).mkdir()
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    nib.save(phantom, tmp_path / 'scan.nii.gz')
    away = phantom.affine.copy()
    away[0, 3] += 500
    mask = (phantom.get_fdata() > 15).astype('uint8')
    nib.save(nib.Nifti1Image(mask, away), tmp_path / 'far.nii.gz')
    expect(root, args.split(), code, *words)


def test_an_index_that_cannot_be_used(make_dataset, expect, tmp_path):
    root, database = make_dataset('sub-01'), tmp_path / 'database'
    other = make_dataset('sub-01', name='other')
    anatomical_images(other, ['01'], database)
    expect(root, ['--bids-database-dir', database], Exit.USAGE, other)
    (database / DATABASE).write_bytes(b'no database')
    expect(root, ['--bids-database-dir', database], Exit.NO_INPUT, 'remove it')
    (tmp_path / 'file').write_text('')
    args = ['--bids-database-dir', tmp_path / 'file/database']
    expect(root, args, Exit.CANNOT_CREATE, '--bids-database-dir')


@pytest.mark.parametrize('flag', ['--write-sbatch', '--dry-run', None])
def test_synthseg_without_freesurfer(make_dataset, expect, monkeypatch, tmp_path, flag):
    monkeypatch.setenv('PATH', str(tmp_path))
    more = {'--write-sbatch': [flag, tmp_path / 'jobs'], None: []}.get(flag, [flag])
    words = ('SynthSeg', '`mri_synthseg`', 'FreeSurfer (7.2', 'leave --segmentation out')
    root = make_dataset('sub-01')
    expect(root, ['--segmentation', 'synthseg', *more], Exit.USAGE, *words)
    assert not (tmp_path / 'out').exists()


def test_which_segmentation_is_chosen(monkeypatch, tmp_path):
    put_synthseg(tmp_path / 'installed', monkeypatch)
    (tmp_path / 'installed/fast').write_text('#!/bin/sh\n')
    (tmp_path / 'installed/fast').chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path / 'installed'))
    for name in ('network', 'embedded', 'fast', 'synthseg'):
        assert preflight.resolve_segmentation(name) == name
    assert preflight.resolve_segmentation('auto') == 'network'
    assert preflight.resolve_segmentation('auto', 'template') == 'embedded'
    for name in ('network', 'fast', 'synthseg'):
        with pytest.raises(Stop, match='--tissue-prior template is for the embedded segmentation'):
            preflight.resolve_segmentation(name, 'template')
    monkeypatch.setattr('ulfprep.segmentation.template.find_spec', lambda name: None)
    with pytest.raises(Stop, match='nilearn.* --tissue-prior none'):
        preflight.resolve_segmentation('embedded', 'template')


def test_a_gpu_is_taken_if_there_is_one_and_never_replaced(monkeypatch):
    monkeypatch.setattr('torch.cuda.device_count', lambda: 2)
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    assert preflight.resolve_device('auto') == 'cpu'
    monkeypatch.setattr('torch.cuda.is_available', lambda: True)
    assert preflight.resolve_device('auto') == 'cuda'
    assert preflight.resolve_device('cuda:1') == 'cuda:1'
    with pytest.raises(Stop, match='2 GPU'):
        preflight.resolve_device('cuda:2')


def test_the_log_says_which_device_was_taken_and_why(monkeypatch):
    monkeypatch.setattr('torch.cuda.get_device_name', lambda number: f'Card {number}')
    assert describe_device('cuda:1', 'cuda:1') == 'device: cuda:1, Card 1 (--device cuda:1)'
    assert describe_device('auto', 'cuda') == 'device: cuda:0, Card 0 (--device auto)'
    assert describe_device('cpu', 'cpu') == 'device: cpu (--device cpu)'
    assert re.fullmatch(
        r'device: cpu \(--device auto; torch \S+ sees no GPU\)', describe_device('auto', 'cpu')
    )


def test_a_scan_without_its_brain_mask_costs_no_other(
    make_dataset, expect, run, capsys, tmp_path, phantom, in_process
):
    root = make_dataset('sub-01', 'sub-02')
    folder = tmp_path / 'masks'
    (folder / 'sub-01').mkdir(parents=True)
    mask = nib.Nifti1Image((phantom.get_fdata() > 15).astype('uint8'), phantom.affine)
    file = folder / 'sub-01/sub-01_mask.nii.gz'
    nib.save(mask, file)
    expect(root, ['--brain-mask', file], Exit.USAGE, 'one mask for 2 scans')
    assert run(root, '--brain-mask', folder) == Exit.FAILURE
    said = capsys.readouterr().err
    assert 'sub-01_T1w  finished' in said
    assert f'{folder}: no brain mask for sub-02_T1w' in said
    file.rename(tmp_path / 'sub-01_mask.nii.gz')
    assert run(root, '--brain-mask', folder) == Exit.NO_INPUT
    said = capsys.readouterr().err
    assert f'{folder}: no brain mask for sub-01_T1w' in said
    assert 'the masks of sub-02_T1w are missing or unusable, too' in said


def test_environment_stays_inside_the_work_folder(tmp_path, monkeypatch):
    monkeypatch.setenv('MPLCONFIGDIR', '/before')
    monkeypatch.delenv('NO_ET', raising=False)
    with prepared(Settings(tmp_path, tmp_path, work_dir=tmp_path / 'w', omp_nthreads=3)):
        assert os.environ['NO_ET'] == '1'
        assert os.environ['OMP_NUM_THREADS'] == '3'
        for name in ('TEMPLATEFLOW_HOME', 'MPLCONFIGDIR', 'XDG_CACHE_HOME', 'NIPYPE_CONFIG_DIR'):
            assert os.environ[name].startswith(str(tmp_path / 'w'))
    assert os.environ['MPLCONFIGDIR'] == '/before'
    assert 'NO_ET' not in os.environ


@pytest.fixture
def outside(monkeypatch):
    """Hide it from the command where it runs in a container."""
    for name in ('APPTAINER_CONTAINER', 'SINGULARITY_CONTAINER', 'ULFPREP_IN_CONTAINER'):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures('outside')
@pytest.mark.parametrize(
    ('variable', 'bind', 'way_out'),
    [
        ('ULFPREP_IN_CONTAINER', 'docker run -v', 'docker run -u'),
        ('APPTAINER_CONTAINER', 'apptainer run -B', 'apptainer run -B'),
    ],
)
def test_in_a_container_errors_say_how_folders_get_in(
    make_dataset, expect, tmp_path, monkeypatch, variable, bind, way_out
):
    monkeypatch.setenv(variable, 'ulfprep:1')
    expect(tmp_path / 'nowhere', [], Exit.NO_INPUT, tmp_path / 'nowhere', bind)
    (tmp_path / 'file').write_text('')
    root = make_dataset('sub-01')
    expect(root, [], Exit.CANNOT_CREATE, tmp_path / 'file', way_out, out='file/out')


@pytest.mark.usefixtures('outside')
def test_a_container_is_known_by_its_files(tmp_path):
    assert container(tmp_path) == ''
    (tmp_path / '.dockerenv').touch()
    assert container(tmp_path) == 'Docker'


@pytest.mark.parametrize(
    ('flags', 'kernels'),
    [
        ('sse2 avx avx2 fma', {'OPENBLAS_CORETYPE': 'Haswell'}),
        ('sse2 avx fma', {}),  # these kernels would end the process there
        ('fp asimd evtstrm aes', {}),  # no x86 at all
    ],
)
def test_kernels_of_openblas_are_those_that_the_processor_can_run(tmp_path, flags, kernels):
    cpus = tmp_path / 'cpuinfo'
    cpus.write_text(f'processor : 0\nflags\t\t: {flags}\n')
    assert openblas_kernels(cpus) == kernels
    assert openblas_kernels(tmp_path / 'none') == {}


@pytest.mark.parametrize('chosen', [{}, {'GOMP_SPINCOUNT': '7'}, {'OMP_WAIT_POLICY': 'ACTIVE'}])
def test_how_long_idle_threads_spin_is_the_users_choice(monkeypatch, chosen):
    for name in ('GOMP_SPINCOUNT', 'OMP_WAIT_POLICY'):
        monkeypatch.delenv(name, raising=False)
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    assert bool(patience_of_threads()) == (not chosen)
