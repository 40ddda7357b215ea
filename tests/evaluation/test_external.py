"""Other people's programs, each replaced by a stand-in that takes its words and no others."""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from ulfprep.evaluation.enhancers.external import TOOLS, WHITE, describe_tool, external
from ulfprep.evaluation.failures import MethodFailed, NotInstalled
from ulfprep.evaluation.prepare import Prepared
from ulfprep.physics.grid import Grid, isotropic_grid

#: The words that each program knows, and where it writes.
PROGRAMS = {
    'synthsr': """
parser.add_argument('--i', required=True, dest='scan')
parser.add_argument('--o', required=True, dest='out')
for flag in ('--ct', '--disable_sharpening', '--disable_flipping', '--lowfield', '--v1', '--cpu'):
    parser.add_argument(flag, action='store_true')
parser.add_argument('--threads', type=int, default=1)
options = parser.parse_args()
target = Path(options.out)
""",
    'eclare': """
parser.add_argument('--in-fpath', required=True, dest='scan')
parser.add_argument('--out-dir', required=True, dest='out')
parser.add_argument('--suffix', default='_eclare')
parser.add_argument('--gpu-id', type=int, default=-1)
options = parser.parse_args()
target = Path(options.out, Path(options.scan).name.replace('.nii', options.suffix + '.nii'))
""",
    'smore': """
parser.add_argument('--in-fpath', required=True, dest='scan')
parser.add_argument('--out-dir', required=True, dest='out')
parser.add_argument('--slice-thickness')
parser.add_argument('--suffix', default='_smore4')
parser.add_argument('--gpu-id', default='0')
options = parser.parse_args()
stem, rest = Path(options.scan).name.split('.', maxsplit=1)
target = Path(options.out, stem, f'{stem}{options.suffix}.{rest}')
""",
    'unires': """
parser.add_argument('scan')
parser.add_argument('--vx', type=float)
parser.add_argument('--dir_out', required=True, dest='out')
parser.add_argument('--prefix', default='y_')
parser.add_argument('--device', default='cuda')
for name in ('atlas_rigid', 'unified_rigid', 'common_output', 'crop'):
    parser.add_argument(f'--no-{name}', dest=name, action='store_false', default=True)
options = parser.parse_args()
assert not options.atlas_rigid and not options.common_output and not options.crop
target = Path(options.out, options.prefix + Path(options.scan).name)
""",
}
#: Slices are repeated, and the image is stored from left to right's other end.
WORK = """
image = nib.load(options.scan)
data = np.repeat(np.asarray(image.dataobj), 5, axis=2)
affine = image.affine.copy()
affine[:3, 2] /= 5
affine[:3, 3] -= 2 * affine[:3, 2]
target.parent.mkdir(parents=True, exist_ok=True)
turned = nib.Nifti1Image(data[::-1], affine @ np.array(
    [[-1, 0, 0, len(data) - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))
nib.save(turned, target)
seen = vars(options) | {
    'dtype': str(image.get_data_dtype()), 'zooms': [float(z) for z in image.header.get_zooms()],
    'threads_of_libraries': os.environ['OMP_NUM_THREADS'], 'white': float(np.max(data)),
    'outside': float(np.abs(data[0]).max())}
Path(os.environ['SEEN']).write_text(json.dumps(seen))
"""
HEAD = """import argparse, json, os
from pathlib import Path
import nibabel as nib
import numpy as np
parser = argparse.ArgumentParser()
"""


@pytest.fixture
def given():
    """Return a ball of two tissues in thick slices; outside the mask is noise."""
    grid = Grid((10, 12, 6), np.diag([1.6, 1.6, 5.0, 1.0]))
    scan = np.full(grid.shape, 0.05, np.float32)
    mask = np.zeros(grid.shape, bool)
    mask[2:8, 2:9, 1:5] = True
    scan[mask] = 0.5
    scan[4:6, 4:7, 2:4] = 0.8
    plan = {'means': [0.2, 0.5, 0.8]}
    return Prepared(scan, mask, grid, np.zeros((3, *grid.shape)), None, plan, isotropic_grid(grid))


@pytest.fixture
def path(tmp_path, monkeypatch):
    """Return the only folder on the PATH; temporary files have a name that a shell would mind."""
    folder, scratch = tmp_path / 'bin', tmp_path / 'a b; c$(d)'
    folder.mkdir()
    scratch.mkdir()
    monkeypatch.setenv('PATH', str(folder))
    monkeypatch.setenv('SEEN', str(tmp_path / 'seen.json'))
    monkeypatch.setattr(tempfile, 'tempdir', str(scratch))
    return folder


def put(folder, name, text):
    """Put a program of Python into a folder."""
    program = folder / name
    program.write_text(f'#!{sys.executable}\n{text}')
    program.chmod(0o755)


def run(name, given, **more):
    return external(TOOLS[name], **more)(given, None, 0)


def seen():
    return json.loads(Path(os.environ['SEEN']).read_text())


@pytest.mark.parametrize('name', TOOLS)
def test_the_image_of_a_program_comes_back_in_ras_order_and_in_the_scans_units(name, path, given):
    put(path, TOOLS[name].program, HEAD + PROGRAMS[name] + WORK)
    made = run(name, given)
    assert made.image.dtype == np.float32
    assert made.grid.shape == made.image.shape == (10, 12, 30)
    np.testing.assert_allclose(made.grid.affine[:3, :3], np.diag([1.6, 1.6, 1.0]), atol=1e-6)
    brain = np.where(given.mask, given.scan, 0)
    np.testing.assert_allclose(made.image, np.repeat(brain, 5, axis=2), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('name', TOOLS)
def test_a_program_is_given_the_brain_alone_in_grey_values_of_a_scanner(name, path, given):
    put(path, TOOLS[name].program, HEAD + PROGRAMS[name] + WORK)
    run(name, given)
    told = seen()
    assert told['dtype'] == 'float32'
    assert told['zooms'] == pytest.approx([1.6, 1.6, 5.0])
    assert (told['white'], told['outside']) == (pytest.approx(WHITE), 0)


def test_nothing_is_left_behind(path, given):
    put(path, 'unires', HEAD + PROGRAMS['unires'] + WORK)
    run('unires', given)
    assert not Path(seen()['out']).exists()
    assert not list(Path(tempfile.gettempdir()).iterdir())


def test_threads_are_those_asked_for_or_of_the_environment_or_one(path, given, monkeypatch):
    put(path, 'mri_synthsr', HEAD + PROGRAMS['synthsr'] + WORK)
    for said, asked, expected in (('4', 3, 3), ('4', None, 4), ('nonsense', None, 1)):
        monkeypatch.setenv('OMP_NUM_THREADS', said)
        run('synthsr', given, threads=asked)
        assert (seen()['threads'], seen()['threads_of_libraries']) == (expected, str(expected))


def test_a_gpu_is_used_where_there_is_one(path, given):
    asked = {
        'synthsr': ('cpu', True, False),
        'eclare': ('gpu_id', -1, 0),
        'smore': ('gpu_id', '-1', '0'),
        'unires': ('device', 'cpu', 'cuda'),
    }
    for present in (False, True):
        if present:
            put(path, 'nvidia-smi', '')
        for name, (key, *expected) in asked.items():
            put(path, TOOLS[name].program, HEAD + PROGRAMS[name] + WORK)
            run(name, given)
            assert seen()[key] == expected[present], name


def test_the_low_field_model_of_synthsr_is_asked_for(path, given):
    put(path, 'mri_synthsr', HEAD + PROGRAMS['synthsr'] + WORK)
    run('synthsr', given)
    assert seen()['lowfield']
    assert not seen()['ct']


@pytest.mark.parametrize('name', TOOLS)
def test_a_missing_program_says_how_to_install_it(name, path, given):
    with pytest.raises(NotInstalled) as error:
        run(name, given)
    assert TOOLS[name].install in str(error.value)
    assert TOOLS[name].program in str(error.value)
    assert '\n' not in str(error.value)


def test_a_failure_is_told_by_the_programs_last_line(path, given):
    text = "import sys\nprint('first')\nsys.stderr.write('10%\\rno model\\tin scan.nii\\n\\n')\n"
    put(path, 'unires', text + 'sys.exit(3)')
    with pytest.raises(MethodFailed, match=r'^unires: no model in scan.nii \(exit status 3\)$'):
        run('unires', given)


def test_a_failure_does_not_tell_where_temporary_files_were(path, given):
    put(path, 'unires', 'import sys\nsys.exit(f"cannot read {sys.argv[-1]}")')
    with pytest.raises(MethodFailed, match=r'^unires: cannot read in/scan.nii.gz \(exit'):
        run('unires', given)


def test_a_program_that_a_signal_ended_or_that_cannot_start_has_failed(path, given):
    put(path, 'unires', 'import os\nos.abort()')
    with pytest.raises(MethodFailed, match='ended by signal 6'):
        run('unires', given)
    (path / 'unires').write_bytes(b'\x00\x01')
    with pytest.raises(MethodFailed, match='^unires: '):
        run('unires', given)


def test_a_program_that_ends_well_without_an_image_has_failed(path, given):
    put(path, 'mri_synthsr', "print('resuming program execution')")
    with pytest.raises(MethodFailed, match='wrote no image; it said: resuming program execution'):
        run('synthsr', given)


@pytest.mark.parametrize(
    ('work', 'reason'),
    [
        ("target.write_bytes(b'no image')", '^unires wrote no image that can be read: u_scan.nii'),
        ('nib.save(nib.Nifti1Image(np.ones((4, 4, 4)), np.eye(4)), target)', 'same everywhere'),
        ('nib.save(nib.Nifti1Image(np.ones((4, 4, 4, 2)), np.eye(4)), target)', 'holds 2 volumes'),
        (
            'nib.save(nib.Nifti1Image(np.full((4, 4, 4), np.nan), np.eye(4)), target)',
            'same everywhere',
        ),
    ],
)
def test_what_is_no_image_of_a_brain_is_a_failure(path, given, work, reason):
    put(path, 'unires', HEAD + PROGRAMS['unires'] + work)
    with pytest.raises(MethodFailed, match=reason):
        run('unires', given)


def test_a_program_that_takes_too_long_is_stopped_with_all_it_started(path, given, tmp_path):
    pid = tmp_path / 'pid'
    text = 'import os, subprocess, sys, time\n'
    text += "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    text += f'open({str(pid)!r}, "w").write(str(child.pid))\ntime.sleep(60)'
    put(path, 'unires', text)
    began = time.monotonic()
    with pytest.raises(MethodFailed, match='^unires was stopped after 2 s$'):
        run('unires', given, limit=2)
    assert time.monotonic() - began < 30
    for _ in range(50):
        if not running(int(pid.read_text())):
            break
        time.sleep(0.1)
    assert not running(int(pid.read_text()))


def running(pid):
    """Whether a process runs; one that has ended may not have been waited for."""
    stat = Path(f'/proc/{pid}/stat')
    return stat.exists() and stat.read_text().rpartition(')')[2].split()[0] != 'Z'


@pytest.mark.parametrize('voxel', [(2.0, 2.0, 2.0), (2.0, 2.0, 1.0)])
def test_programs_that_learn_across_slices_refuse_voxels_without_thick_ones(path, given, voxel):
    grid = Grid(given.grid.shape, np.diag([*voxel, 1.0]))
    given = Prepared(
        given.scan, given.mask, grid, given.probs, None, given.plan, isotropic_grid(grid)
    )
    for name in TOOLS:
        put(path, TOOLS[name].program, HEAD + PROGRAMS[name] + WORK)
    for name in ('eclare', 'smore'):
        with pytest.raises(MethodFailed, match=r'needs slices thicker .* not 2 x 2 x [12] mm'):
            run(name, given)
    for name in ('synthsr', 'unires'):
        assert run(name, given).image.shape == (10, 12, 30)


def test_a_description_is_one_line_with_licence_and_installation():
    for tool in TOOLS.values():
        told = describe_tool(tool)
        assert '\n' not in told
        for part in (tool.name, tool.program, tool.licence, tool.install):
            assert part in told
