"""What killed runs and lost machines leave behind is found and dealt with."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from faults import assert_no_traceback, assert_same, environment, results

from ulfprep.bids.files import remove_leftovers, write_bytes
from ulfprep.workflows.leftovers import is_damaged, remove_damaged

#: Writes a file and stops short of putting it in place: for good, or until it is told to go on.
WRITER = """
import os, signal, sys
from pathlib import Path
from ulfprep.bids import files
def stop(*paths):
    print('written', flush=True)
    os.kill(os.getpid(), signal.SIGKILL) if sys.argv[2] == 'die' else sys.stdin.readline()
    os.rename(*paths)
files.os.replace = stop
files.write_bytes(Path(sys.argv[1]), b'x' * 100_000)
"""


def writer(path, how):
    """Start a process that writes a file; return when it is about to put it in place."""
    process = subprocess.Popen(
        [sys.executable, '-c', WRITER, str(path), how],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == 'written\n'
    if how == 'die':
        process.wait()
    return process


def hidden(folder):
    return list(folder.rglob('.ulfprep-*'))


def test_only_what_nobody_writes_any_more_is_removed(tmp_path):
    writer(tmp_path / 'deep/killed.nii.gz', 'die')
    alive = writer(tmp_path / 'deep/alive.nii.gz', 'live')
    (tmp_path / '.ulfprep-notes').write_text("a user's own")
    assert len(hidden(tmp_path)) == 3
    assert remove_leftovers(tmp_path) == []
    assert len(remove_leftovers(tmp_path, deep=True)) == 1
    alive.communicate('go on\n')
    assert (tmp_path / 'deep/alive.nii.gz').stat().st_size == 100_000
    assert not (tmp_path / 'deep/killed.nii.gz').exists()
    assert [path.name for path in hidden(tmp_path)] == ['.ulfprep-notes']


def test_a_write_that_fails_names_the_file_and_leaves_nothing(tmp_path):
    (tmp_path / 'taken').mkdir()
    with pytest.raises(OSError, match='taken') as failed:
        write_bytes(tmp_path / 'taken', b'x')
    assert failed.value.filename == str(tmp_path / 'taken')
    assert not hidden(tmp_path)


def test_many_writers_of_one_file(tmp_path):
    """Whoever is last wins, whole; a cleaner at work all the while takes nothing from them."""
    code = (
        'import sys; from pathlib import Path; from ulfprep.bids.files import write_bytes\n'
        'for k in range(300): write_bytes(Path(sys.argv[1]), sys.argv[2].encode() * 5000)'
    )
    target = tmp_path / 'dataset_description.json'
    writers = [
        subprocess.Popen([sys.executable, '-c', code, str(target), mark], env=environment())
        for mark in 'ab'
    ]
    while any(process.poll() is None for process in writers):
        remove_leftovers(tmp_path)
    assert [process.returncode for process in writers] == [0, 0]
    assert target.read_bytes() in (b'a' * 5000, b'b' * 5000)
    assert not hidden(tmp_path)


@pytest.mark.parametrize(
    'name', ['result_fit.pklz', 'image.nii.gz', 'plan.json', 'field.pt', 'field.npz']
)
def test_damage_is_seen(tmp_path, name):
    path = tmp_path / name
    if name.endswith(('.pt', '.npz')):
        with path.open('wb') as file:
            np.savez(file, values=np.arange(500.0))
    elif name.endswith('.json'):
        path.write_text('{"a": [1, 2, 3]}')
    else:
        import gzip

        path.write_bytes(gzip.compress(os.urandom(5000)))
    whole = path.read_bytes()
    assert not is_damaged(path)
    for damage in (whole[: len(whole) // 2], b'', b'\0' * len(whole), whole[:-9] + b'\0' * 9):
        path.write_bytes(damage)
        assert is_damaged(path), damage[:20]


def damage_work(work, how, turn):
    """Damage one file in each step's folder, of every kind in turn; return how many."""
    kinds = ('result_*.pklz', '_inputs.pklz', '_node.pklz', '_0x*.json', '*.nii.gz', '[!_]*.json')
    steps = sorted({path.parent for path in work.rglob('_node.pklz')})
    count = 0
    for number, step in enumerate(steps):
        order = [kinds[(number + turn + k) % len(kinds)] for k in range(len(kinds))]
        path = next(path for kind in order for path in sorted(step.glob(kind)))
        content = path.read_bytes()
        if how == 'gone':
            path.unlink()
        else:
            path.write_bytes(content[: len(content) // 2] if how == 'half' else b'')
        count += 1
    return count


@pytest.fixture(scope='module')
def done_once(quick):
    """Return the place of a finished run of the quickest scan, what it wrote, and its work."""
    place, wanted = quick
    shutil.copytree(place.work, place.base / 'kept', symlinks=True)
    return place, wanted


@pytest.mark.parametrize(('how', 'turn'), [('half', 0), ('empty', 5), ('gone', 4)])
def test_a_damaged_work_folder_costs_time_alone(done_once, how, turn):
    place, wanted = done_once
    shutil.rmtree(place.out, ignore_errors=True)
    shutil.rmtree(place.work)
    shutil.copytree(place.base / 'kept', place.work, symlinks=True)
    assert damage_work(place.work, how, turn) == 5  # a step each
    done = place.run()
    assert done.returncode == 0, done.stderr
    assert_no_traceback(done)
    assert 'damaged or incomplete, so that its step is run again' in done.stderr
    assert_same(results(place.out), wanted)


def test_leftovers_of_a_killed_run_are_removed_by_the_next(done_once):
    place, wanted = done_once
    (place.out / 'sub-01/anat').mkdir(parents=True, exist_ok=True)
    for name in ('dataset_description.json', 'sub-01/anat/sub-01_T1w.nii.gz', 'logs/CITATION.md'):
        writer(place.out / name, 'die')
    assert len(hidden(place.out)) == 3
    done = place.run()
    assert done.returncode == 0, done.stderr
    assert 'removed 3 half-written file(s) of a killed run' in done.stderr
    assert not hidden(place.out)
    assert_same(results(place.out), wanted)


def test_a_sound_work_folder_loses_nothing(done_once, tmp_path):
    assert remove_damaged(done_once[0].base / 'kept') == []
    assert remove_damaged(tmp_path / 'never') == []
