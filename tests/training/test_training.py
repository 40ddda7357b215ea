"""Training of the tissue network: label maps to scans by our own physics, and learning."""

import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
import torch

from ulfprep.physics import TISSUES
from ulfprep.physics.grid import Grid
from ulfprep.physics.relaxation import relaxation
from ulfprep.physics.sequences import PRESETS, tissue_signals
from ulfprep.segmentation.network import (
    CHANNELS,
    STRIDE,
    TissueNet,
    digest,
    read_network,
    write_weights,
)
from ulfprep.training import learning
from ulfprep.training.__main__ import main
from ulfprep.training.acquisitions import draw_session, make_scan, paint
from ulfprep.training.deform import Ribbon
from ulfprep.training.examples import draw_example
from ulfprep.training.learning import (
    CHECKPOINT,
    LOSSES,
    WEIGHTS,
    Duration,
    Learner,
    Settings,
    train,
)
from ulfprep.training.maps import NAMES, label_maps, read_heads
from ulfprep.training.score import CASES, compare
from ulfprep.training.tissues import BETWEEN, Nature, relaxations, structure_signals

#: Radii (share of the head's) and FreeSurfer's numbers of nested ellipsoids.
SHELLS = ((1.0, 24), (0.93, 3), (0.75, 2), (0.25, 4))


@pytest.fixture(scope='module')
def maps(tmp_path_factory):
    """Return a folder with the label maps of two small heads, one of them turned round."""
    folder = tmp_path_factory.mktemp('maps')
    at = (np.indices((72, 84, 66)) - np.reshape([35.5, 41.5, 32.5], (3, 1, 1, 1))) / np.reshape(
        [33, 39, 30], (3, 1, 1, 1)
    )
    radius = np.sqrt((at**2).sum(axis=0))
    labels = np.zeros(radius.shape, np.int16)
    for size, number in SHELLS:
        labels[radius < size] = number
    labels[(radius < 0.5) & (np.abs(at[0]) > 0.3)] = 10
    for name, affine in (('a', np.eye(4)), ('b', np.diag([-1, -1, 1, 1.0]))):
        nib.save(nib.Nifti1Image(labels, affine), folder / f'{name}.nii.gz')
    return folder


@pytest.fixture(scope='module')
def heads(maps, tmp_path_factory):
    return read_heads(maps, label_maps(maps), tmp_path_factory.mktemp('heads'))


def test_structures_are_known_by_their_numbers(maps, heads):
    assert list(label_maps(maps)) == [head.name for head in heads] == ['a', 'b']
    for head in heads:
        found = {NAMES[k] for k in np.unique(head.labels)}
        assert {'CSF', 'cortex', 'white matter', 'thalamus', 'ventricles'} <= found
        depths = [head.depth[head.labels == NAMES.index(n)].mean()
                  for n in ('CSF', 'cortex', 'white matter', 'ventricles')]  # fmt: skip
        assert depths == sorted(depths, reverse=True)


@pytest.mark.parametrize('name', PRESETS)
def test_signals_of_pure_tissues_are_those_of_the_package(name):
    """Without spread the room adds nothing to the physics."""
    field = 0.064 if name.startswith('ULF') else 3.0
    between = {name: float(name != 'cortex') for name in BETWEEN}
    plain = Nature(np.zeros((3, 3)), between, {}, 0.0)
    found = structure_signals(plain, PRESETS[name], field, np.random.default_rng(0))
    seen = [found[NAMES.index(n)] for n in ('ventricles', 'cortex', 'white matter')]
    np.testing.assert_allclose(seen, np.abs(tissue_signals(PRESETS[name], field)), rtol=1e-5)
    assert relaxations(plain, field)['GM'].t1 == relaxation('GM', field).t1


def test_a_scan_has_the_noise_and_the_voxels_of_its_acquisition():
    rng = np.random.default_rng(3)
    lattice = Grid((64, 64, 64), np.eye(4))
    labels = np.full(lattice.shape, NAMES.index('white matter'), np.uint8)
    session = (a for _ in range(200) for a in draw_session(rng) if a.field < 0.3)
    acquisition = next(a for a in session if a.noise_fwhm == 0 and max(a.voxel_size) > 4)
    image = np.ones(lattice.shape, np.float32)
    still = type(acquisition)(**{**vars(acquisition), 'bias': 0.0, 'stripped': False})
    scan, grid = make_scan(image, labels > 0, lattice, still, rng)
    np.testing.assert_allclose(grid.zooms, acquisition.voxel_size, rtol=1e-6)
    inside = scan[tuple(slice(2, -2) if n > 8 else slice(1, -1) for n in scan.shape)]
    assert inside.mean() == pytest.approx(1, rel=0.02)
    assert inside.std() == pytest.approx(1 / acquisition.snr, rel=0.15)
    painted = paint(labels, np.ones(len(NAMES), np.float32), still, rng)
    assert painted.mean() == pytest.approx(1, rel=0.1)


def test_an_example_is_the_same_for_the_same_number(heads):
    one, again, other = (draw_example(heads, 7, n, 48) for n in (3, 3, 4))
    np.testing.assert_array_equal(one.x, again.x)
    np.testing.assert_array_equal(one.classes, again.classes)
    assert not np.array_equal(one.x, other.x)
    assert one.x.shape == (2 * len(CHANNELS) + 1, 48, 48, 48)
    assert np.isfinite(one.x).all()
    present = one.hints.reshape(len(CHANNELS), -1)[:, 0] > 0
    for k, there in enumerate(present):
        assert there == bool(one.x[2 * k : 2 * k + 2].any())


def test_channels_are_dropped_at_random(heads):
    sets = {tuple(draw_example(heads, 1, n, 32).hints.reshape(3, -1)[:, 0]) for n in range(24)}
    assert len(sets) > 2


def test_a_run_that_went_on_is_one_that_never_stopped(heads, tmp_path, monkeypatch):
    monkeypatch.setattr(learning, 'ROW', 2)
    settings = Settings(5, ('a', 'b'), patch=32)
    whole, first = Learner(settings), Learner(settings)
    tell = lambda line: None  # noqa: E731
    train(whole, heads, tmp_path / 'whole', Duration(steps=4), 0, tell)
    train(first, heads, tmp_path / 'parts', Duration(steps=2), 0, tell)
    second = Learner(settings)
    second.restore(torch.load(tmp_path / 'parts' / CHECKPOINT, weights_only=True))
    train(second, heads, tmp_path / 'parts', Duration(steps=4), 0, tell)
    for name, value in whole.net.state_dict().items():
        assert torch.equal(value, second.net.state_dict()[name]), name
        assert torch.equal(whole.average[name], second.average[name]), name
    tables = [(tmp_path / place / LOSSES).read_text() for place in ('whole', 'parts')]
    assert tables[0] == tables[1]
    assert len(tables[0].splitlines()) == 3


def test_weights_are_small_no_pickle_and_come_back(tmp_path):
    torch.manual_seed(0)
    net, file = TissueNet(), tmp_path / WEIGHTS
    write_weights(file, net.state_dict())
    assert file.stat().st_size < 4e6
    with np.load(file, allow_pickle=False) as found:
        assert all(found[name].dtype != object for name in found.files)
    again = read_network(file)
    x = torch.rand(1, 2 * len(CHANNELS) + 1, 2 * STRIDE, STRIDE, STRIDE)
    hints, centre = torch.zeros(1, 12), torch.zeros(1, 3)
    with torch.no_grad():
        np.testing.assert_allclose(net(x, hints, centre), again(x, hints, centre), atol=2e-2)
    assert len(digest(file)) >= 8


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--hold-out', 'nobody'], '--hold-out names nobody'),
        (['--patch', '30'], '--patch is 30'),
    ],
)
def test_what_cannot_be_is_one_line(maps, tmp_path, capsys, arguments, words):
    assert main([str(maps), str(tmp_path / 'out'), '--steps', '1', *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


def test_the_command_learns_from_the_heads_that_are_not_held_out(maps, tmp_path, capsys):
    out = tmp_path / 'out'
    arguments = [str(maps), str(out), '--patch', '32', '--workers', '0', '--hold-out', 'b']
    assert main([*arguments, '--steps', '1']) == 0
    assert '1 label maps to learn from, 1 held out' in capsys.readouterr().out
    assert {CHECKPOINT, WEIGHTS} <= {path.name for path in out.iterdir()}
    assert main([*arguments, '--steps', '2']) == 2
    assert '--resume' in capsys.readouterr().err
    assert main([*arguments, '--steps', '2', '--resume']) == 0


@pytest.mark.parametrize(
    ('take', 'give', 'sign'),
    [('CSF', '', 1), ('white matter', '', 1), ('', 'CSF', -1), ('', 'white matter', -1)],
)
def test_cortex_grows_and_shrinks_by_a_voxel_where_it_is_asked_to(heads, take, give, sign):
    labels = heads[0].labels
    half = np.arange(labels.shape[0])[:, None, None] < labels.shape[0] // 2
    ribbon = Ribbon(take, give, np.broadcast_to(half, labels.shape))
    changed = ribbon.apply(labels)
    cortex = NAMES.index('cortex')
    gained = (changed == cortex).sum((1, 2)) - (labels == cortex).sum((1, 2)).astype(int)
    assert np.sign(gained[: len(gained) // 2].sum()) == sign
    assert not gained[len(gained) // 2 :].any()
    assert set(np.unique(labels[changed != labels])) <= {cortex, NAMES.index(take or give)}


def test_a_run_that_is_told_to_stop_keeps_what_it_has_learned(maps, tmp_path):
    out = tmp_path / 'out'
    command = [sys.executable, '-m', 'ulfprep.training', str(maps), str(out)]
    command += ['--patch', '16', '--workers', '0']
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        run.stdout.readline()  # it has begun
        run.terminate()
        assert run.wait(timeout=120) == 0
    assert (out / CHECKPOINT).exists()
    assert (out / WEIGHTS).exists()


def test_scores_of_a_head_that_was_held_out(maps, tmp_path, capsys):
    out = tmp_path / 'out'
    write_weights(tmp_path / 'weights.npz', TissueNet().state_dict())
    arguments = [str(maps), str(out), '--score', str(tmp_path / 'weights.npz')]
    assert main(arguments) == 2
    assert '--hold-out' in capsys.readouterr().err
    assert main([*arguments, '--hold-out', 'b']) == 0
    header, *rows = (out / 'scores.tsv').read_text().splitlines()
    assert len(rows) == len(CASES)
    names = header.split('\t')
    for row in rows:
        values = dict(zip(names, row.split('\t'), strict=True))
        assert values['head'] == 'b'
        assert all(0 <= float(values[f'dice_{t}']) <= 1 for t in TISSUES)


def test_comparing_knows_right_from_wrong_and_sure_from_right():
    truth = np.repeat([1, 2, 3, 0], 100).reshape(20, 20, 1)
    right = np.stack([truth == k for k in (1, 2, 3)]).astype(np.float32)
    assert compare(right, truth) == {
        'dice_CSF': 1, 'dice_GM': 1, 'dice_WM': 1, 'calibration_error': 0,
    }  # fmt: skip
    wrong = compare(right[[1, 0, 2]], truth)
    assert wrong['dice_CSF'] == wrong['dice_GM'] == 0
    assert wrong['dice_WM'] == 1
    assert abs(wrong['calibration_error'] - 2 / 3) < 1e-6
