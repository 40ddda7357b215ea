"""Other people's programs, run where they are installed: SynthSR, ECLARE, SMORE, UniRes.

None comes with ulfprep or is fetched by it. Their command lines are taken from their sources and
documentation; no program was run when this was written, so what an unexpected version says is
told as it is.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ulfprep.evaluation.enhancers.result import Enhanced
from ulfprep.evaluation.failures import MethodFailed, NotInstalled
from ulfprep.evaluation.fresh import THREAD_VARIABLES
from ulfprep.evaluation.prepare import Prepared
from ulfprep.evaluation.sources.volume import load_canonical
from ulfprep.physics.grid import Grid

#: Seconds that a program may take: those that train a network on the scan need a GPU.
LIMIT = 2 * 3600.0
#: Name of the scan that a program is given. The place of the output depends on it.
SCAN = 'scan.nii.gz'
#: White matter in that scan. Some programs round or add noise of one grey value, so it is given
#: the grey values of a scanner.
WHITE = 1000.0
#: How much coarser than the others an axis must be for slices to be thick.
THICK = 1.05
#: Longest reason that is told, characters.
LONGEST = 200


@dataclass(frozen=True)
class Tool:
    """A program that makes a finer image of one scan.

    Attributes
    ----------
    name, program : str
        What it is called, and its command.
    description : str
        What it does, for tables.
    licence, install : str
        How it may be used, and how to get it, one line each.
    arguments : callable
        Takes the scan's path, a folder for the output, voxel sizes (mm, 3 floats) and a number
        of threads; returns the words after the command. Raises :class:`MethodFailed` for voxels
        that the program is not made for.
    output : str
        Where the image is in that folder.
    """

    name: str
    program: str
    description: str
    licence: str
    install: str
    arguments: Callable[[Path, Path, tuple[float, ...], int], list[str]]
    output: str

    def find(self, folder: Path) -> Path | None:
        """Return the image in a folder of output, ``None`` if there is none."""
        path = Path(folder) / self.output
        return path if path.is_file() else None


def external(tool: Tool, *, threads: int | None = None, limit: float = LIMIT):
    """Return a program as a method.

    Parameters
    ----------
    tool : Tool
    threads : int, optional
        What ``OMP_NUM_THREADS`` says without, else one.
    limit : float
        Seconds after which it is stopped, with all that it started.

    Returns
    -------
    callable
        Takes what was prepared, options and seed, of which it heeds neither. It gives the
        program the bias-corrected brain alone, and returns its image with axes in RAS order.
        Raises :class:`NotInstalled`, with a line how to install it, and :class:`MethodFailed`,
        with the last line that the program said.
    """

    def method(given: Prepared, options, seed) -> Enhanced:
        program = shutil.which(tool.program)
        if program is None:
            raise NotInstalled(f'{tool.name} ({tool.program}): {tool.install}')
        number = threads or _threads()
        zooms = tuple(float(z) for z in given.grid.zooms)
        with tempfile.TemporaryDirectory(prefix='ulfprep-', ignore_cleanup_errors=True) as name:
            scan, out = Path(name) / 'in' / SCAN, Path(name) / 'out'
            arguments = tool.arguments(scan, out, zooms, number)
            scan.parent.mkdir()
            out.mkdir()
            scale = _write(scan, given)
            said = _run([program, *arguments], Path(name), number, limit)
            found = tool.find(out)
            if found is None:
                raise MethodFailed(f'{tool.program} wrote no image; it said: {said}')
            image, grid = _read(found, tool)
        return Enhanced(image / scale, grid)

    return method


def describe_tool(tool: Tool) -> str:
    """Say in one line what a program is, its licence, and how to install it."""
    return (
        f'{tool.name} (`{tool.program}`): {tool.description}. Licence: {tool.licence}. '
        f'To install: {tool.install}'
    )


def _threads() -> int:
    said = os.environ.get('OMP_NUM_THREADS', '')
    return int(said) if said.isdigit() and int(said) else 1


def _write(path: Path, given: Prepared) -> np.float32:
    """Write the brain of a scan; returns by how much it was made brighter."""
    import nibabel as nib

    scale = np.float32(WHITE / given.plan['means'][2])
    brain = np.where(given.mask, given.scan, 0).astype(np.float32) * scale
    image = nib.Nifti1Image(brain, given.grid.affine)
    image.header.set_xyzt_units('mm')
    nib.save(image, path)
    return scale


def _run(command: list[str], folder: Path, threads: int, limit: float) -> str:
    """Run a program in a folder and return the last line it said."""
    # Lines of errors and others come in their order only where none waits in a buffer.
    environment = {**os.environ, 'PYTHONUNBUFFERED': '1', 'NO_COLOR': '1'}
    environment |= dict.fromkeys(THREAD_VARIABLES, str(threads))
    log = folder / 'log.txt'
    with open(log, 'wb') as file:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise MethodFailed(f'{Path(command[0]).name}: {error.strerror or error}') from error
        try:
            status = process.wait(limit)
        except BaseException as error:
            # It may have started others, which must not stay behind.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                told = f'{Path(command[0]).name} was stopped after {limit:g} s'
                raise MethodFailed(told) from None
            raise
    said = _last_line(log, folder)
    if status:
        how = f'exit status {status}' if status > 0 else f'ended by signal {-status}'
        raise MethodFailed(f'{Path(command[0]).name}: {said or "nothing was said"} ({how})')
    return said or 'nothing'


def _last_line(log: Path, folder: Path) -> str:
    # What overwrites a bar of progress is a line of its own: \r is read as an end of line.
    lines = log.read_text(encoding='utf-8', errors='replace').splitlines()
    said = [' '.join(line.split()) for line in lines if line.strip()]
    return said[-1].replace(f'{folder}/', '')[:LONGEST] if said else ''


def _read(path: Path, tool: Tool) -> tuple[np.ndarray, Grid]:
    """Read a program's image; refuses what is no image of a brain."""
    try:
        image, grid = load_canonical(path)
    except ValueError as error:
        told = str(error).replace(f'{path}', path.name)
        raise MethodFailed(f'{tool.program} wrote no image that can be read: {told}') from error
    if not np.ptp(image):
        raise MethodFailed(f'{tool.program} wrote an image that is the same everywhere')
    return image, grid


def _gpu() -> bool:
    """Whether there is a GPU of NVIDIA; the programs may know it where our torch does not."""
    return shutil.which('nvidia-smi') is not None


def _refuse_unless_thick(name: str, zooms) -> None:
    """Raise if no axis is coarser than both others: nothing to learn across the slices."""
    fine, middle, coarse = sorted(zooms)
    if coarse < THICK * middle:
        told = ' x '.join(f'{z:.4g}' for z in zooms)
        raise MethodFailed(f'{name} needs slices thicker than their pixels, not {told} mm')


def _synthsr(scan, out, zooms, threads):
    """Arguments of FreeSurfer's ``mri_synthsr``, as in its source (2023); not run here.

    Copies before FreeSurfer 7.4 have no ``--lowfield`` and say so.
    """
    words = ['--i', str(scan), '--o', str(out / 'synthsr.nii.gz'), '--lowfield']
    return [*words, '--threads', str(threads), *([] if _gpu() else ['--cpu'])]


def _eclare(scan, out, zooms, threads):
    """Arguments of ``run-eclare``, those that all versions of its source have; not run here."""
    _refuse_unless_thick('ECLARE', zooms)
    words = ['--in-fpath', str(scan), '--out-dir', str(out), '--suffix', '_eclare']
    return [*words, '--gpu-id', '0' if _gpu() else '-1']


def _smore(scan, out, zooms, threads):
    """Arguments of ``run-smore`` (SMORE4), as in its source; not run here.

    That ``-1`` is the processor is known of ECLARE, which has the same authors, not of SMORE.
    """
    _refuse_unless_thick('SMORE', zooms)
    words = ['--in-fpath', str(scan), '--out-dir', str(out), '--suffix', '_smore4']
    return [*words, '--gpu-id', '0' if _gpu() else '-1']


def _unires(scan, out, zooms, threads):
    """Arguments of ``unires``, as in its source and README; not run here.

    Prefix and alignment are said, for their defaults changed between versions: one would turn
    the image to an atlas.
    """
    words = ['--vx', '1.0', '--prefix', 'u_', '--dir_out', str(out)]
    words += ['--no-atlas_rigid', '--no-unified_rigid', '--no-common_output', '--no-crop']
    return [*words, '--device', 'cuda' if _gpu() else 'cpu', str(scan)]


#: Name of a method -> program.
TOOLS = {
    'synthsr': Tool(
        'SynthSR',
        'mri_synthsr',
        'A network trained on synthetic scans makes a T1w image at 1 mm of any contrast (model '
        'for low field)',
        'FreeSurfer Software License',
        'install FreeSurfer 7.4 or newer and source its SetUpFreeSurfer.sh',
        _synthsr,
        'synthsr.nii.gz',
    ),
    'eclare': Tool(
        'ECLARE',
        'run-eclare',
        'A network trained on the scan itself, across its slices; as fine as the pixels',
        'Apache-2.0 or GPL-3.0 (its files disagree)',
        'pip install eclare, in an environment of its own, and put run-eclare on the PATH',
        _eclare,
        'scan_eclare.nii.gz',
    ),
    'smore': Tool(
        'SMORE',
        'run-smore',
        'A network trained on the scan itself, across its slices; as fine as the pixels',
        'Apache-2.0',
        'pip install git+https://gitlab.com/iacl/smore@v4.0.5, in an environment of its own, and '
        'put its programs on the PATH',
        _smore,
        'scan/scan_smore4.nii.gz',
    ),
    'unires': Tool(
        'UniRes',
        'unires',
        'The inverse of the slice profile at 1 mm under joint total variation',
        'MIT',
        'pip install git+https://github.com/brudfors/UniRes, in an environment of its own, and '
        'put unires on the PATH',
        _unires,
        'u_scan.nii.gz',
    ),
}
