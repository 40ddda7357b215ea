"""Only output and work folder are written, whoever runs it and whatever else is missing."""

import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest
from faults import (
    ROOT,
    Place,
    as_nobody,
    assert_no_traceback,
    assert_same,
    environment,
    in_mounts,
    needs_mounts,
    needs_networks,
    needs_users,
    results,
    run,
)

from ulfprep.cli.environment import openblas_kernels


@pytest.fixture
def copy(quick, tmp_path):
    """Return a place with the input of the quick scan and nothing else."""
    shutil.copytree(quick[0].bids, tmp_path / 'in')
    return Place(tmp_path)


@pytest.fixture
def open_place(quick):
    """Return a place that other users may enter (pytest's own folders are private)."""
    base = Path(tempfile.mkdtemp(prefix='ulfprep-test-', dir='/tmp'))
    base.chmod(0o755)
    shutil.copytree(quick[0].bids, base / 'in')
    for name in ('out', 'work'):
        (base / name).mkdir()
        os.chown(base / name, 12345, 12345)
    yield Place(base)
    shutil.rmtree(base)


@needs_mounts
def test_everything_read_only_but_output_and_work(copy, quick):
    """No home, no network of names, a deep work folder, and not even /tmp can be written."""
    deep = copy.base / ('d' * 60) / ('e' * 60)
    copy.out.mkdir()
    deep.mkdir(parents=True)
    script = (
        f'for d in "{copy.out}" "{deep}"; do mount --bind "$d" "$d"; done; '
        'mount -o remount,bind,ro /; '
        'for d in /tmp /home /root /var; do '
        'if mountpoint -q $d; then mount -o remount,bind,ro $d; fi; done; '
        'if touch /tmp/probe 2>/dev/null; then echo "/tmp is writable" >&2; exit 99; fi; '
        'cd /; "$@"'
    )
    variables = environment(HOME='/nonexistent', TMPDIR=None)
    done = in_mounts(script, *copy.command(work=deep), env=variables)
    assert done.returncode == 0, done.stderr
    assert_no_traceback(done)
    assert_same(results(copy.out), quick[1])


@needs_users
def test_a_user_without_name_and_home(open_place, quick):
    python = 'PATH=/usr/bin:/bin', f'PYTHONPATH={ROOT}', 'PYTHONDONTWRITEBYTECODE=1'
    words = ['env', '-i', *python, *open_place.command()]
    done = as_nobody(words, cwd='/')
    assert done.returncode == 0, done.stderr
    assert_no_traceback(done)
    assert_same(results(open_place.out), quick[1])
    owners = {path.stat().st_uid for path in open_place.out.rglob('*')}
    assert owners == {12345}
    # A scan that fails is told of too: crash files have the user's name in theirs.
    (open_place.bids / 'sub-01/anat/sub-01_T1w.nii.gz').write_bytes(b'no image')
    done = as_nobody(words, cwd='/')
    assert done.returncode == 65, done.stderr
    assert 'sub-01_T1w.nii.gz' in done.stderr


@needs_users
def test_a_home_that_may_not_be_entered(open_place, quick):
    home = open_place.base / 'home'
    home.mkdir(mode=0o700)
    done = as_nobody(open_place.command(), cwd='/', env=environment(HOME=str(home)))
    assert done.returncode == 0, done.stderr
    assert_same(results(open_place.out), quick[1])


@pytest.mark.skipif(not openblas_kernels(), reason='OpenBLAS is left to choose its kernels here')
@pytest.mark.parametrize('kernels', ['Sandybridge', None])
def test_kernels_that_the_environment_asks_for_change_nothing(copy, quick, kernels):
    done = run(copy.command(), env=environment(OPENBLAS_CORETYPE=kernels))
    assert done.returncode == 0, done.stderr
    assert_same(results(copy.out), quick[1])


@needs_networks
def test_without_network(copy, quick):
    done = run(['unshare', '-n', *copy.command()])
    assert done.returncode == 0, done.stderr
    assert_same(results(copy.out), quick[1])


def listing(*folders):
    """Return all paths below some folders with the time they were last changed."""
    paths = [p for folder in folders for p in (folder, *folder.rglob('*'))]
    return {path: path.lstat().st_mtime_ns for path in paths}


def test_nothing_is_written_beside_output_and_work(copy):
    """Home, temporary folder, working directory and input are as they were."""
    names = 'home', 'tmp', 'cwd'
    folders = [copy.base / name for name in names]
    for folder in folders:
        folder.mkdir()
    before = listing(*folders, copy.bids)
    variables = environment(HOME=str(folders[0]), TMPDIR=str(folders[1]))
    done = run(copy.command(), env=variables, cwd=folders[2])
    assert done.returncode == 0, done.stderr
    assert listing(*folders, copy.bids) == before
    assert not list((copy.work / 'caches-of-ulfprep' / 'tmp').iterdir())
    assert sorted(p.name for p in copy.base.iterdir()) == sorted([*names, 'in', 'out', 'work'])


def test_files_are_for_whom_the_user_lets(copy):
    """Files get the permissions of any new file, not those of temporary ones."""
    done = run(['sh', '-c', 'umask 000; exec "$@"', 'sh', *copy.command()])
    assert done.returncode == 0, done.stderr
    files = [path for path in copy.out.rglob('*') if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o666}


@needs_users
@pytest.mark.parametrize('theirs', ['out', 'out/logs', 'out/sub-01', 'out/sub-01/anat'])
def test_output_of_somebody_else(open_place, theirs):
    """Found before the work, not when its results are to be written."""
    folder = open_place.base / theirs
    folder.mkdir(parents=True, exist_ok=True)
    for path in (open_place.out, *open_place.out.rglob('*')):
        os.chown(path, 12345, 12345)
    os.chown(folder, 0, 0)
    folder.chmod(0o755)
    done = as_nobody(open_place.command(), cwd='/')
    assert done.returncode == 73, done.stderr
    assert str(folder) in done.stderr
    assert_no_traceback(done)
    assert not list(open_place.work.glob('ulfprep_*'))


@needs_users
def test_default_work_folder_that_cannot_be_made(open_place):
    words = open_place.command()
    at = words.index('-w')
    done = as_nobody([*words[:at], *words[at + 2 :]], cwd='/')
    assert done.returncode == 73, done.stderr
    assert '/work: cannot be written' in done.stderr
    assert '--work-dir' in done.stderr
