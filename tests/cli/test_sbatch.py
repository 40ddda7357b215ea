"""Jobs for a cluster: what is written, what submit.sh submits, and what the tasks then do."""

import shutil
import subprocess
from pathlib import Path

import pytest
from same import differences
from slurm import Slurm

from ulfprep.cli.exit_codes import Exit
from ulfprep.cli.main import main

FILES = {'settings.toml', 'participants.txt', 'participant.sbatch', 'group.sbatch', 'submit.sh'}


@pytest.fixture
def jobs(tmp_path):
    return tmp_path / 'jobs é'


@pytest.fixture
def write(tmp_path, jobs, capsys):
    """Return a function that writes the jobs of a dataset: exit code, next command, the rest."""

    def write(root, *args):
        common = ['--segmentation', 'embedded', '--sloppy', '--skip-bids-validation']
        to = ['--write-sbatch', str(jobs)]
        capsys.readouterr()
        code = main([str(root), str(tmp_path / 'out'), 'participant', *common, *to, *args])
        return code, *capsys.readouterr()

    return write


@pytest.fixture
def slurm(tmp_path):
    return Slurm(tmp_path / 'slurm')


def head(script: Path) -> set[str]:
    lines = script.read_text().splitlines()
    return {line.removeprefix('#SBATCH ') for line in lines if line.startswith('#SBATCH ')}


def labels_of(runs):
    return [words[words.index('--participant-label') + 1] for words in runs]


def test_what_is_written_and_said(make_dataset, write, jobs, tmp_path):
    make_dataset('sub-10', 'sub-2', 'sub-1_ses-A', 'sub-1_ses-B')
    root = make_dataset('sub-3', 'sub-4', metadata={})
    code, out, err = write(root, '--participant-label', '1', '2', '3', '10')
    assert code == Exit.OK
    assert {path.name for path in jobs.iterdir()} == FILES
    # In natural order; sub-3 is refused, which its report has to tell.
    assert (jobs / 'participants.txt').read_text().split() == ['1', '2', '3', '10']
    assert out == f"bash '{jobs}/submit.sh'\n"
    assert 'sub-3_T1w: would be refused: ' in err
    assert '5 scan(s) of 4 participant(s): 4 to run, 0 finished before, 1 refused' in err
    assert list((tmp_path / 'out').iterdir()) == []  # nothing is computed
    asked = head(jobs / 'participant.sbatch')
    assert {'--cpus-per-task=2', '--time=00:15:00', '--requeue'} <= asked
    assert not any(line.startswith(('--gres', '--array')) for line in asked)


@pytest.mark.parametrize('name', sorted(FILES))
def test_files_of_others_are_not_written_over(make_dataset, write, jobs, name):
    root = make_dataset('sub-1')
    jobs.mkdir()
    (jobs / name).write_text('mine')
    code, _, err = write(root)
    assert code == Exit.USAGE
    assert f'holds {name}, which --write-sbatch did not write' in err
    assert {path.name: path.read_text() for path in jobs.iterdir()} == {name: 'mine'}


def test_jobs_are_written_over_jobs(make_dataset, write, jobs):
    root = make_dataset('sub-1')
    assert write(root)[0] == write(make_dataset('sub-2'))[0] == Exit.OK
    assert (jobs / 'participants.txt').read_text().split() == ['1', '2']
    (jobs / 'settings.toml').unlink()
    assert write(root)[0] == Exit.USAGE


def test_what_a_task_asks_for_follows_the_flags(make_dataset, write, jobs):
    root = make_dataset('sub-1')
    flags = ('--omp-nthreads', '4', '--mem', '9G', '--device', 'cuda', '--force')
    theirs = ('--sbatch-arg=--partition=long', '--sbatch-arg=--time=3-0', '--sbatch-arg=-A abc')
    assert write(root, *flags, *theirs)[0] == Exit.OK
    asked = head(jobs / 'participant.sbatch')
    assert {'--cpus-per-task=4', '--mem=10240M', '--gres=gpu:1', '--time=3-0'} <= asked
    assert {'--partition=long', '-A abc'} <= asked & head(jobs / 'group.sbatch')
    assert '--time=00:15:00' not in asked
    assert '--time=3-0' not in head(jobs / 'group.sbatch')  # that is of the tasks
    assert 'flags=(--force)' in (jobs / 'participant.sbatch').read_text()


def test_submit_and_submit_again(make_dataset, write, jobs, slurm):
    root = make_dataset(*(f'sub-{n}' for n in (1, '2+b', 3, 4, 5)))
    assert write(root)[0] == Exit.OK
    slurm.end('2+b', 1)
    slurm.end('4', 137)
    done = slurm.submit(jobs, ULFPREP_AT_ONCE='7')
    assert done.returncode == 0, done.stderr
    # Arrays no larger than the cluster takes, and the group level after all of them.
    first, second, third, group = slurm.submissions()
    assert [line.split()[1] for line in (first, second, third)] == [
        '--array=1-2%7',
        '--array=1-2%7',
        '--array=1-1%7',
    ]
    assert '--dependency=afterany:101:102:103 group.sbatch' in group
    runs = slurm.runs()
    assert labels_of(runs[:5]) == ['1', '2+b', '3', '4', '5']
    assert runs[5][-1] == 'group'
    # The cores that were granted, and a work folder of the node's own that is gone afterwards.
    words = runs[0]
    assert words[words.index('--nprocs') + 1] == words[words.index('--omp-nthreads') + 1] == '3'
    folders = (slurm.folder / 'work.txt').read_text().splitlines()
    assert len(set(folders)) == 5
    assert not any(map(Path.exists, map(Path, folders)))
    log = (jobs / 'logs' / '102_2.out').read_text().splitlines()
    assert 'sub-4 on ' in log[0]
    assert 'exit code 137: killed from outside' in log[-1]

    slurm.end('4', 0)
    # One of them waits in the queue again by hand: it is not submitted twice.
    (slurm.folder / 'queue').write_text('101 2\n999 1\n')
    again = slurm.submit(jobs)
    assert '1 participant(s) to submit; 3 finished by earlier tasks, 1 still wait' in again.stdout
    assert labels_of(slurm.runs()[:1]) == ['4']
    assert 'afterany:101:105' in slurm.submissions()[-1]
    assert (slurm.folder / 'scancel.txt').read_text() == '--state=PENDING 104\n'

    slurm.end('2+b', 0)
    (slurm.folder / 'queue').unlink()
    slurm.submit(jobs)
    slurm.runs()
    last = slurm.submit(jobs)
    assert 'no participant is left to do; group level alone' in last.stdout
    assert [words[-1] for words in slurm.runs()] == ['group']


def test_written_again_nothing_counts_as_done_by_old_marks(make_dataset, write, jobs, slurm):
    root = make_dataset('sub-1')
    write(root)
    slurm.submit(jobs)
    slurm.runs()
    write(root, '--random-seed', '5')
    slurm.submit(jobs)
    assert labels_of(slurm.runs()[:1]) == ['1']


def test_a_scheduler_that_takes_no_more_loses_nothing(make_dataset, write, jobs, slurm):
    write(make_dataset('sub-1', 'sub-2', 'sub-3'))
    (slurm.folder / 'full').touch()
    done = slurm.submit(jobs)
    assert done.returncode == Exit.TEMPORARY
    assert 'the scheduler took 0 of 3 participants and no more' in done.stderr
    (slurm.folder / 'full').unlink()
    assert slurm.submit(jobs).returncode == 0
    assert labels_of(slurm.runs()[:3]) == ['1', '2', '3']


@pytest.mark.usefixtures('in_process')
def test_tasks_write_the_bytes_of_one_run(make_dataset, write, jobs, slurm, tmp_path):
    root = make_dataset('sub-01', 'sub-0+2_ses-A+B', metadata={'MagneticFieldStrength': 3})
    more = ['--target-field', '0.1', '--random-seed', '7', '--target-snr', '9']
    assert write(root, *more)[0] == Exit.OK
    slurm.submit(jobs)
    for words in slurm.runs():  # as the stand-in was called
        assert main(words) == Exit.OK
    plain = ['--segmentation', 'embedded', '--sloppy', '--skip-bids-validation', '--device', 'cpu']
    other = [str(root), str(tmp_path / 'plain')]
    for level in (['participant', '--nprocs', '1', '-w', str(tmp_path / 'w')], ['group']):
        assert main([*other, level[0], *level[1:], *plain, *more]) == Exit.OK
    assert differences(tmp_path / 'out', tmp_path / 'plain') == []

    # What is finished gets no task.
    code, _, err = write(root, *more)
    assert (code, (jobs / 'participants.txt').read_text()) == (Exit.OK, '')
    assert 'no participant is left to do' in err
    make_dataset('sub-03')
    code, _, err = write(root, *more)
    assert (code, (jobs / 'participants.txt').read_text()) == (Exit.OK, '03\n')
    assert '1 to run, 2 finished before' in err


def test_a_work_folder_is_kept_for_the_next_time(make_dataset, write, jobs, slurm, tmp_path):
    write(make_dataset('sub-1'), '-w', str(tmp_path / 'my work'))
    slurm.submit(jobs)
    assert (tmp_path / 'my work' / 'sub-1').is_dir()
    assert str(tmp_path / 'my work' / 'sub-1') in slurm.runs()[0]


@pytest.mark.parametrize(
    ('args', 'code'),
    [
        ('--container-image none.sif', Exit.NO_INPUT),
        ('--clean-workdir', Exit.USAGE),
        ('--participant-label 9', Exit.NOTHING_SELECTED),
        ('-w raw/w', Exit.USAGE),
        ('--write-sbatch raw/jobs', Exit.USAGE),
        ('--write-sbatch out/jobs', Exit.USAGE),
        ('--write-sbatch file', Exit.CANNOT_CREATE),
    ],
)
def test_what_cannot_be_is_refused(make_dataset, write, tmp_path, monkeypatch, args, code):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'file').touch()
    assert write(make_dataset('sub-1'), *args.split())[0] == code


def test_of_unusable_scans_alone_no_jobs_are_written(make_dataset, write):
    assert write(make_dataset('sub-1', metadata={}))[0] == Exit.BAD_DATA


def test_in_a_container_paths_are_those_of_the_host(make_dataset, write, jobs, monkeypatch):
    root = make_dataset('sub-1')
    monkeypatch.setenv('APPTAINER_CONTAINER', '/images/ulfprep.sif')
    monkeypatch.setenv('APPTAINER_BIND', f'/data/study:{root}:ro,/home/me:{jobs.parent}')
    code, out, _ = write(root)
    assert (code, out) == (Exit.OK, "bash '/home/me/jobs é/submit.sh'\n")
    script = (jobs / 'participant.sbatch').read_text()
    assert "here='/home/me/jobs é'\nimage=/images/ulfprep.sif\n" in script
    assert f"inside_here='{jobs}'\n" in script
    binds = [f'/data/study:{root}:ro', f'/home/me/out:{jobs.parent}/out']
    assert f'binds=({" ".join(binds)})' in script


@pytest.mark.skipif(not shutil.which('shellcheck'), reason='shellcheck is not installed')
def test_scripts_are_clean(make_dataset, write, jobs):
    write(make_dataset('sub-1'))
    names = ('participant.sbatch', 'group.sbatch', 'submit.sh')
    checked = subprocess.run(
        ['shellcheck', *(jobs / name for name in names)], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout
