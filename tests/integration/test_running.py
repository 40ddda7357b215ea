"""Several processes or threads at once, however they are made, give the bytes of one."""

import hashlib
import subprocess
import sys
from pathlib import Path

from faults import write_dataset
from runs import run_ulfprep
from same import lasting

COMMON = ['--sloppy', '--device', 'cpu', '--skip-bids-validation']


def digests(root):
    """Return the hash of every file below ``root`` but the logs of single runs."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(lasting(path)).hexdigest()
        for path in root.rglob('*')
        if path.is_file() and ('logs' not in path.parts or path.name.startswith('CITATION'))
    }


def test_two_scans_at_a_time_and_two_processes_at_once_change_no_byte(tmp_path):
    raw = write_dataset(tmp_path / 'raw', {'01': 0.064, '02': 0.064})
    done = run_ulfprep(
        raw, tmp_path / 'one', 'participant', '-w', tmp_path / 'w', *COMMON,
        '--nprocs', 2, '--omp-nthreads', 1,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert '2 at a time' in done.stderr
    # Into one output folder and by way of one work folder, each a participant, and with another
    # number of threads each.
    script = Path(sys.executable).with_name('ulfprep')
    arguments = [raw, tmp_path / 'two', 'participant', '-w', tmp_path / 'v']
    processes = [
        subprocess.Popen(
            [script, *map(str, arguments), *COMMON, '--participant-label', label,
             '--nprocs', threads, '--omp-nthreads', threads],
            stderr=subprocess.PIPE, text=True,
        )
        for label, threads in (('01', '1'), ('02', '3'))
    ]  # fmt: skip
    for process in processes:
        assert process.communicate()[1]
        assert process.returncode == 0
    assert digests(tmp_path / 'one') == digests(tmp_path / 'two')
