"""The process's environment during a run: nothing is written outside output and work."""

import getpass
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from ulfprep.bids.store.locks import CACHES
from ulfprep.settings import Settings

#: Files and variables by which a container is known; the last is set by this project's image.
_DOCKER = ('.dockerenv', 'run/.containerenv')
_APPTAINER = ('APPTAINER_CONTAINER', 'SINGULARITY_CONTAINER')
_OWN_IMAGE = 'ULFPREP_IN_CONTAINER'
#: What to do, by the kind of container, where a folder cannot be written to or is not there.
WRITABLE = {
    'Docker': 'in a container: bind a folder that you may write to, and run as yourself '
    '(docker run -u "$(id -u):$(id -g)")',
    'Apptainer': 'in a container: bind a folder that you may write to (apptainer run -B)',
}
VISIBLE = {
    'Docker': 'a container sees only folders that are bound (docker run -v FOLDER:/data:ro)',
    'Apptainer': 'a container sees only folders that are bound (apptainer run -B FOLDER)',
}


def container(root: Path = Path('/')) -> str:
    """Return in what kind of container this process is: Docker, Apptainer or none (empty)."""
    if any(os.environ.get(name) for name in _APPTAINER):
        return 'Apptainer'
    if os.environ.get(_OWN_IMAGE) or any((root / name).exists() for name in _DOCKER):
        return 'Docker'
    return ''


def container_in_words() -> str:
    """Return what the log alone says of the container; empty outside of one."""
    if not container():
        return ''
    # Our own image may say no more than that it is one.
    names = (os.environ.get(name, '') for name in (*_APPTAINER, _OWN_IMAGE))
    image = next((f', {name}' for name in names if name not in ('', '1')), '')
    return f'container: {container()}{image}'


def in_container(hints: dict[str, str]) -> str:
    """Return what to add to an error in a container: one of some hints, or nothing."""
    hint = hints.get(container())
    return f'; {hint}' if hint else ''


def run_environment(settings: Settings) -> dict[str, str]:
    """Return the environment variables of a run, set before heavy libraries read them."""
    home = settings.work_dir / CACHES
    threads = str(settings.omp_nthreads)
    variables = {
        # No telemetry, no updates.
        'NO_ET': '1',
        'NIPYPE_NO_ET': '1',
        'TEMPLATEFLOW_AUTOUPDATE': '0',
        # Libraries that want a place for caches get one in the work folder.
        'NIPYPE_CONFIG_DIR': str(home / 'nipype'),
        'TEMPLATEFLOW_HOME': str(home / 'templateflow'),
        'MPLCONFIGDIR': str(home / 'matplotlib'),
        'XDG_CACHE_HOME': str(home / 'cache'),
        'TORCH_HOME': str(home / 'torch'),
        'MPLBACKEND': 'Agg',
        'FSLOUTPUTTYPE': 'NIFTI_GZ',
        # Threads of every library.
        'OMP_NUM_THREADS': threads,
        'MKL_NUM_THREADS': threads,
        # Matrix products are the same bits whatever the number of threads.
        'MKL_CBWR': 'AUTO,STRICT',
        # One thread: results of these two depend on the number, and they do little.
        'OPENBLAS_NUM_THREADS': '1',
        'ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS': '1',
        **openblas_kernels(),
        **patience_of_threads(),
        # Deterministic matrix products on a GPU.
        'CUBLAS_WORKSPACE_CONFIG': ':4096:8',
    }
    # In containers and on clusters a user may have no name or home; libraries need both. After a
    # change of user HOME may be another user's, which pybids cannot read.
    if not os.access(os.path.expanduser('~'), os.R_OK | os.X_OK):
        variables['HOME'] = str(home)
    try:
        getpass.getuser()
    except (OSError, KeyError):
        variables['LOGNAME'] = f'uid{os.getuid()}'
    return variables


def openblas_kernels(cpus: Path = Path('/proc/cpuinfo')) -> dict[str, str]:
    """Return the variable that names the kernels of OpenBLAS; none where it is left to choose.

    Kernels of different processors add up in different orders. Those of x86 processors since
    2013 (AVX2 and FMA) give the same bits on all of these.
    """
    try:
        flags = set(cpus.read_text().split())
    except OSError:
        return {}
    return {'OPENBLAS_CORETYPE': 'Haswell'} if flags >= {'avx2', 'fma'} else {}


def patience_of_threads() -> dict[str, str]:
    """Return the variable that says how long idle threads of OpenMP keep their CPU.

    By default they spin for milliseconds, and two runs on the same CPUs wait for each other's
    idle threads: two fits of 35 seconds take three minutes. With a thousand turns they take 75
    seconds, and one alone takes 5 % longer. What the user has set stays.
    """
    chosen = os.environ.keys() & {'GOMP_SPINCOUNT', 'OMP_WAIT_POLICY'}
    return {} if chosen else {'GOMP_SPINCOUNT': '1000'}


@contextmanager
def _environ(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables, and put the old ones back afterwards."""
    before = {name: os.environ[name] for name in variables if name in os.environ}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            os.environ.pop(name, None)
        os.environ.update(before)


def prepared(settings: Settings) -> AbstractContextManager[None]:
    """Set the environment of a run, and put the old one back afterwards. Nothing is written."""
    return _environ(run_environment(settings))


@contextmanager
def temporary_files_in(folder: Path) -> Iterator[None]:
    """Have temporary files, of this process and of those it starts, made in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = tempfile.tempdir
    with _environ({'TMPDIR': str(folder)}):
        tempfile.tempdir = str(folder)
        try:
            yield
        finally:
            tempfile.tempdir = chosen
