"""The process's environment during a run: nothing is written outside output and work."""

import os
import pwd
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from ulfprep.bids.store.locks import CACHES
from ulfprep.settings import Settings

#: Files and variables by which a container is known.
_DOCKER = ('.dockerenv', 'run/.containerenv')
_APPTAINER = ('APPTAINER_CONTAINER', 'SINGULARITY_CONTAINER')
#: Set by this project's own image, to its name or anything else.
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
    """Return in what kind of container this process is: Docker, Apptainer or none (empty).

    Parameters
    ----------
    root : Path
        Of the file system; for tests.
    """
    if any(os.environ.get(name) for name in _APPTAINER):
        return 'Apptainer'
    if os.environ.get(_OWN_IMAGE) or any((root / name).exists() for name in _DOCKER):
        return 'Docker'
    return ''


def container_in_words() -> str:
    """Return what the log says of the container; empty outside of one.

    It is in the log alone: the same scan gives the same files, in a container or not.
    """
    kind = container()
    if not kind:
        return ''
    # Our own image may say no more than that it is one.
    names = (os.environ.get(name) for name in (*_APPTAINER, _OWN_IMAGE))
    image = next((name for name in names if name not in (None, '', '1')), None)
    return f'container: {kind}' + (f', {image}' if image else '')


def in_container(hints: dict[str, str]) -> str:
    """Return what to add to an error in a container: one of some hints, or nothing."""
    hint = hints.get(container())
    return f'; {hint}' if hint else ''


def run_environment(settings: Settings) -> dict[str, str]:
    """Return the environment variables of a run.

    They have to be set before the heavy libraries are imported, for many read them then.
    """
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
    # In containers and on clusters a user may have no name or home; libraries need both.
    if not _has_home():
        variables['HOME'] = str(home)
    if not _has_name():
        variables['LOGNAME'] = f'uid{os.getuid()}'
    return variables


def openblas_kernels(cpus: Path = Path('/proc/cpuinfo')) -> dict[str, str]:
    """Return the variable that names the kernels of OpenBLAS; none where it is left to choose.

    Kernels of different processors add up in different orders. Those of x86 processors since
    2013 (AVX2 and FMA) give the same bits on all of these, whatever the shell or the container
    around the run asks for.

    Parameters
    ----------
    cpus : Path
        What Linux says of its processors; for tests.
    """
    try:
        flags = set(cpus.read_text().split())
    except OSError:
        return {}
    return {'OPENBLAS_CORETYPE': 'Haswell'} if flags >= {'avx2', 'fma'} else {}


def patience_of_threads() -> dict[str, str]:
    """Return the variable that says how long idle threads of OpenMP keep their CPU.

    By default they spin for milliseconds. Two runs on the same CPUs then wait for each other's
    idle threads most of the time: two fits of 35 seconds take three minutes. With a thousand
    turns they take 75 seconds, and one alone takes 5 % longer. Results are the same. If the user
    has set one of these variables, nothing is changed.
    """
    chosen = os.environ.keys() & {'GOMP_SPINCOUNT', 'OMP_WAIT_POLICY'}
    return {} if chosen else {'GOMP_SPINCOUNT': '1000'}


def _has_home() -> bool:
    try:
        # After a change of user HOME may be another user's, which pybids cannot read.
        return os.access(Path.home(), os.R_OK | os.X_OK)
    except (OSError, RuntimeError):
        return False


def _has_name() -> bool:
    if any(os.environ.get(name) for name in ('LOGNAME', 'USER', 'LNAME', 'USERNAME')):
        return True
    with suppress(KeyError):
        return bool(pwd.getpwuid(os.getuid()).pw_name)
    return False


@contextmanager
def _environ(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables, and put the old ones back afterwards."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def prepared(settings: Settings) -> AbstractContextManager[None]:
    """Set the environment of a run, and put the old one back afterwards.

    Nothing is written: libraries make the folders they are told of when they need them.
    """
    return _environ(run_environment(settings))


@contextmanager
def temporary_files_in(folder: Path) -> Iterator[None]:
    """Have temporary files, of this process and of those it starts, made in a folder.

    Parameters
    ----------
    folder : Path
        Made, with those above it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chosen = tempfile.tempdir
    with _environ({'TMPDIR': str(folder)}):
        tempfile.tempdir = str(folder)
        try:
            yield
        finally:
            tempfile.tempdir = chosen
