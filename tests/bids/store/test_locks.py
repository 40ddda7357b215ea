"""A participant is worked on by one process at a time."""

import errno
import fcntl
import json
import logging
import os
import signal
import socket
import subprocess
import sys

import pytest

from ulfprep.bids.store.locks import LockedError, Locks, holder

HOLD = """
import sys, time
from pathlib import Path
from ulfprep.bids.store.locks import Locks
with Locks(Path(sys.argv[1]), Path(sys.argv[2])) as locks:
    locks.take_participant('01')
    print('held', flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """Return another process that holds sub-01 of ``out`` and ``work``."""
    process = subprocess.Popen(
        [sys.executable, '-c', HOLD, tmp_path / 'out', tmp_path / 'work'],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == 'held\n'
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize(('out', 'work'), [('out', 'mine'), ('mine', 'work')])
def test_output_and_work_folder_are_each_locked(tmp_path, other, out, work):
    with Locks(tmp_path / out, tmp_path / work) as locks:
        with pytest.raises(LockedError) as caught:
            locks.take_participant('01')
        # What was taken before the other folder was found to be held is given back.
        with Locks(tmp_path / 'mine', tmp_path / 'mine') as third:
            third.take_participant('01')
    told = str(caught.value)
    assert f'process {other.pid} on {socket.gethostname()} since 2' in told
    assert 'wait for it, then run the same command again' in told
    assert '\n' not in told


def test_another_participant_is_free(tmp_path, other):
    with Locks(tmp_path / 'out', tmp_path / 'work') as locks:
        locks.take_participant('02')


def test_a_killed_process_leaves_no_lock(tmp_path, other):
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    with Locks(tmp_path / 'out', tmp_path / 'work') as locks:
        locks.take_participant('01')
        path = tmp_path / 'out/logs/locks/sub-01.lock'
        assert json.loads(path.read_text())['pid'] == os.getpid()
        # Its file stays: whoever waits with it open would otherwise hold a lock of nothing.
    assert path.exists()


def test_a_lock_is_taken_once_and_released_at_the_end(tmp_path):
    with Locks(tmp_path / 'out', tmp_path / 'work') as locks:
        locks.take_participant('01')
        locks.take_participant('01')
    with Locks(tmp_path / 'out', tmp_path / 'work') as locks:
        locks.take_participant('01')


def test_file_system_that_cannot_lock(tmp_path, monkeypatch, caplog):
    def refuse(*args):
        raise OSError(errno.ENOLCK, 'No locks available')

    monkeypatch.setattr(fcntl, 'flock', refuse)
    monkeypatch.setattr(logging.getLogger('ulfprep'), 'propagate', True)
    with Locks(tmp_path / 'out', tmp_path / 'work') as locks:
        for label in ('01', '02'):
            locks.take_participant(label)
    assert caplog.text.count('cannot lock files (No locks available)') == 1


@pytest.mark.parametrize('content', ['', '{"pid": 1', '[]', '{}'])
def test_a_lock_that_says_nothing(tmp_path, content):
    (tmp_path / 'x').write_text(content)
    assert holder(tmp_path / 'x') == 'another process'
    assert holder(tmp_path / 'missing') == 'another process'
