"""The real command, run where things go wrong: tiny brains, subprocesses, namespaces."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from dataset_files import begin_dataset, write_scan
from same import lasting

ROOT = Path(__file__).resolve().parents[2]
PYTHON = [sys.executable, '-m', 'ulfprep.cli.main']
#: What the one line begins with that says why a run does not begin.
ERROR_PREFIX = 'ulfprep: error: '
QUICK = [
    '--nprocs', '1', '--omp-nthreads', '1', '--device', 'cpu', '--segmentation', 'embedded',
    '--sloppy', '--skip-bids-validation',
]  # fmt: skip


def tiny_brain(voxel, seed) -> nib.Nifti1Image:
    """Return a stripped, folded ball of 330 ml, the least that passes for a brain."""
    shape = [int(92 // size) for size in voxel]
    axes = [
        (np.arange(n) - (n - 1) / 2) * size for n, size in zip(shape, voxel, strict=True)
    ]  # fmt: skip
    x, y, z = np.meshgrid(*axes, indexing='ij')
    radius = np.sqrt(x**2 + y**2 + z**2) + 1.5 * np.sin(x / 4) * np.cos(y / 4)
    data = np.zeros(shape)
    for limit, value in ((43, 30), (38, 70), (30, 110), (10, 30)):
        data[radius < limit] = value
    noise = np.random.default_rng(seed).normal(0, 3, shape)
    data = np.where(data > 0, np.maximum(data + noise, 1), 0)
    affine = np.diag([*voxel, 1.0])
    affine[:3, 3] = [axis[0] for axis in axes]
    return nib.Nifti1Image(data.astype(np.float32), affine)


def write_dataset(root: Path, fields: dict[str, float]) -> Path:
    """Write a dataset of stripped brains, label -> field strength.

    3 T is simulated in two seconds, 0.064 T enhanced in eight.
    """
    begin_dataset(root)
    for number, (label, field) in enumerate(fields.items()):
        image = tiny_brain((4.0, 4.0, 5.0 if field < 1 else 4.0), number)
        sidecar = {'MagneticFieldStrength': field, 'SkullStripped': True}
        write_scan(root, f'sub-{label}_T1w', image, sidecar)
    return root


@dataclass(frozen=True)
class Place:
    """A folder with input, output and work folder side by side, and runs in it."""

    base: Path

    @property
    def bids(self) -> Path:
        return self.base / 'in'

    @property
    def out(self) -> Path:
        return self.base / 'out'

    @property
    def work(self) -> Path:
        return self.base / 'work'

    def command(self, *more, **other) -> list[str]:
        """Return the words of a run; ``bids``, ``out`` and ``work`` may be others."""
        where = {'bids': self.bids, 'out': self.out, 'work': self.work} | other
        words = [where['bids'], where['out'], 'participant', '-w', where['work'], *QUICK, *more]
        return [*PYTHON, *map(str, words)]

    def run(self, *more, **options) -> subprocess.CompletedProcess:
        """Run the command to its end."""
        return run(self.command(*more), **options)

    def run_in(self, folder: Path, **other) -> subprocess.CompletedProcess:
        """Run the command in a folder, with other paths as they are spelt."""
        return run(self.command(**other), cwd=folder)

    def start(self, *more) -> subprocess.Popen:
        """Start the command in a process group of its own."""
        return subprocess.Popen(
            self.command(*more),
            env=environment(),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def environment(**changes) -> dict[str, str]:
    """Return this process's environment with changes; ``None`` takes a variable out."""
    found = {**os.environ, 'PYTHONPATH': str(ROOT), 'PYTHONDONTWRITEBYTECODE': '1'} | changes
    return {name: value for name, value in found.items() if value is not None}


def run(words, env=None, timeout=200, **options) -> subprocess.CompletedProcess:
    """Run some words, with output caught as text."""
    return subprocess.run(
        [str(word) for word in words],
        env=env or environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        **options,
    )


def results(out: Path) -> dict[str, bytes]:
    """Return what lasts of all files of an output folder but its logs, by relative path."""
    files = (p for p in sorted(out.rglob('*')) if p.is_file())
    names = {p.relative_to(out).as_posix(): p for p in files}
    return {n: lasting(p) for n, p in names.items() if not n.startswith('logs/')}


def assert_same(found: dict[str, bytes], wanted: dict[str, bytes]) -> None:
    """Two folders hold the same files with the same bytes; say which differ."""
    assert sorted(found) == sorted(wanted)
    assert [name for name in wanted if found[name] != wanted[name]] == []


def assert_whole(out: Path) -> None:
    """No file under its final name is half written."""
    for path in out.rglob('*'):
        if path.name.startswith('.ulfprep-') or not path.is_file():
            continue
        if path.name.endswith('.nii.gz'):
            np.asanyarray(nib.load(path).dataobj)
        elif path.suffix == '.json' and 'logs' not in path.parts:
            json.loads(path.read_text())
        elif path.suffix == '.svg':
            assert path.read_text().rstrip().endswith('</svg>'), path
        elif path.suffix == '.html':
            assert path.read_text().rstrip().endswith('</html>'), path


def assert_no_traceback(done: subprocess.CompletedProcess) -> None:
    """Nothing that was said is a traceback."""
    assert 'Traceback' not in done.stderr, done.stderr
    assert 'Traceback' not in done.stdout, done.stdout


def descendants(pid: int) -> set[int]:
    """Return the ids of all processes that a process started, and that these did."""
    parents = {}
    for folder in Path('/proc').glob('[0-9]*'):
        try:
            fields = (folder / 'stat').read_text().rpartition(')')[2].split()
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def is_running(pid: int) -> bool:
    """Tell whether a process is there, and not merely waits to be fetched by its parent."""
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False


def kill(process: subprocess.Popen, whole_group: bool) -> None:
    """Kill a run as the kernel or a scheduler would, and see that nothing of it lives on."""
    children = descendants(process.pid)
    if whole_group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
    end = time.monotonic() + 10
    while left := [pid for pid in children if is_running(pid)]:
        assert time.monotonic() < end, f'{left} live on after the run was killed'
        time.sleep(0.02)


def _allowed(words) -> bool:
    tool = shutil.which(words[0])
    return bool(tool) and subprocess.run(words, capture_output=True, check=False).returncode == 0


def _need(words, what) -> pytest.MarkDecorator:
    """Return a mark that skips a test where something is not permitted; CI permits all."""
    missing = not _allowed(words)
    return pytest.mark.skipif(
        missing and not os.environ.get('CI'), reason=f'`{" ".join(words)}` fails here: {what}'
    )


needs_mounts = _need(['unshare', '-m', 'true'], 'no mounts of its own')
needs_networks = _need(['unshare', '-n', 'true'], 'no network namespace')
#: Becomes a user whom the machine does not know.
NOBODY = ['setpriv', '--reuid', '12345', '--regid', '12345', '--clear-groups']
needs_users = _need(['unshare', '-m', *NOBODY, 'true'], 'no other user')


def in_mounts(script: str, *words, **options) -> subprocess.CompletedProcess:
    """Run a shell script, whose ``"$@"`` are the words; what it mounts ends with it."""
    return run(['unshare', '-m', 'sh', '-c', f'set -e; {script}', 'sh', *words], **options)


def as_nobody(words, **options) -> subprocess.CompletedProcess:
    """Run some words as a user whom the machine does not know.

    Where Python itself lies in a folder that only this user may enter, a folder with nothing but
    Python is put in its place, for those words alone.
    """
    python = Path(sys.base_prefix)
    private = [p for p in python.parents if not p.stat().st_mode & stat.S_IXOTH]
    script = 'exec "$@"'
    if private:
        script = (
            f'mount --bind "{python}" /mnt; mount -t tmpfs -o mode=755 tmpfs "{private[-1]}"; '
            f'mkdir -p "{python}"; mount --bind /mnt "{python}"; {script}'
        )
    return in_mounts(script, *NOBODY, *words, **options)
