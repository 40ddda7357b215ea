"""A dry run: the list of what would be done, quickly, and nothing written."""

import subprocess
import sys

import pytest
from runs import QUICK

from ulfprep.cli.exit_codes import Exit
from ulfprep.cli.main import main


@pytest.fixture
def dry(tmp_path, capsys):
    """Return a function that makes a dry run: exit code, rows of the list, what was said."""

    def dry(root, *args):
        common = ['-w', str(tmp_path / 'work'), '--segmentation', 'embedded', '--dry-run']
        capsys.readouterr()
        code = main([str(root), str(tmp_path / 'out'), 'participant', *common, *args])
        out, err = capsys.readouterr()
        rows = [tuple(line.split('\t')) for line in out.splitlines()]
        if rows:
            assert rows[0] == ('scan', 'direction', 'would', 'why')
        return code, rows[1:], err

    return dry


def everything_below(folder):
    return {path: path.lstat().st_mtime_ns for path in folder.rglob('*')}


def test_what_would_be_done_with_each_scan_and_nothing_is_written(make_dataset, dry, tmp_path):
    make_dataset('sub-01_run-1', 'sub-01_run-2')
    make_dataset('sub-02', metadata={'MagneticFieldStrength': 3})
    make_dataset('sub-03', 'sub-04', 'sub-05', metadata={})
    root = make_dataset('sub-06', 'sub-01', suffix='T2w')
    (root / 'sub-03/anat/sub-03_T1w.json').write_text('{"a": ')
    image = root / 'sub-04/anat/sub-04_T1w.nii.gz'
    image.unlink()
    image.symlink_to('nowhere')
    before = everything_below(tmp_path)
    code, rows, said = dry(root, '--bids-database-dir', str(tmp_path / 'database'))
    assert code == Exit.OK
    assert rows[:3] == [
        ('sub-01_run-1_T1w', 'enhance', 'run', 'n/a'),
        ('sub-01_run-2_T1w', 'enhance', 'run', 'n/a'),
        ('sub-02_T1w', 'simulate', 'run', 'n/a'),
    ]
    refused = {'03': 'sub-03_T1w.json', '04': 'datalad get', '05': '--source-field'}
    for row, (label, words) in zip(rows[3:], refused.items(), strict=True):
        assert row[:3] == (f'sub-{label}_T1w', 'n/a', 'refused')
        assert words in row[3]
    assert 'sub-01_T2w.nii.gz: left out: not one of --modalities T1w' in said
    assert 'ulfprep: 6 scan(s): 3 to run, 0 finished before, 3 refused' in said.splitlines()[-1]
    assert everything_below(tmp_path) == before


def test_how_a_run_would_end_that_cannot_begin(make_dataset, dry, tmp_path):
    root = make_dataset('sub-01', metadata={})
    assert dry(root)[0] == Exit.BAD_DATA
    assert dry(root, '--participant-label', '02')[:2] == (Exit.NOTHING_SELECTED, [])
    assert dry(root, '-m', 'T2w')[0] == Exit.NOTHING_SELECTED
    assert dry(tmp_path / 'none')[0] == Exit.NO_INPUT
    assert dry(root, '-w', str(root / 'work'))[0] == Exit.USAGE
    (root / 'dataset_description.json').write_text('{')
    assert dry(root)[0] == Exit.INVALID_DATASET


def test_on_a_terminal_columns_are_aligned(make_dataset, monkeypatch, tmp_path, capsys):
    root = make_dataset('sub-01_run-1', 'sub-2')
    monkeypatch.setattr('sys.stdout.isatty', lambda: True)
    assert main([str(root), str(tmp_path / 'out'), 'participant', '--dry-run']) == 0
    assert len({line.index('enhance') for line in capsys.readouterr().out.splitlines()[1:]}) == 1


def test_more_memory_than_there_is_is_told_of(make_dataset, dry):
    root = make_dataset('sub-01')
    assert '--mem allows 500000 GB' in dry(root, '--mem', '500000')[2]
    assert '--mem allows' not in dry(root, '--mem-mb', '500')[2]


def test_names_that_cannot_be_kept_apart_are_told_of(make_dataset, dry):
    root = make_dataset('sub-01', 'sub-01_acq-x', 'sub-01_acq-X', 'sub-02_old')
    code, rows, said = dry(root)
    assert code == Exit.OK
    assert {row[0]: row[2] for row in rows} == {
        'sub-01_T1w': 'run', 'sub-01_acq-x_T1w': 'refused', 'sub-01_acq-X_T1w': 'refused',
    }  # fmt: skip
    assert 'sub-02_old_T1w.nii.gz: left out: "old" in its name is no entity' in said


@pytest.mark.usefixtures('finished')
def test_what_is_finished_is_known(make_dataset, dry):
    root = make_dataset('sub-02')  # beside sub-01, which is finished

    def fates(*more):
        return [row[2] for row in dry(root, '--device', 'cpu', '--sloppy', *more)[1]]

    assert fates() == ['finished before', 'run']
    assert fates('--force') == ['run', 'run']
    assert fates('--random-seed', '5') == ['run', 'run']
    sidecar = root / 'sub-01/anat/sub-01_T1w.json'
    sidecar.write_text('{"MagneticFieldStrength": 0.064, "EchoTime": 0.006}')
    assert fates() == ['run', 'run']


@pytest.mark.usefixtures('in_process')
def test_scans_that_are_fitted_together(make_dataset, dry, tmp_path):
    root = make_dataset('sub-01_run-1', 'sub-01_run-2', 'sub-02')
    (root / 'sub-02/anat/sub-02_T1w.json').write_text('[]')
    code, rows, _ = dry(root, '--fuse', 'runs')
    assert code == Exit.OK
    assert rows[0] == ('sub-01_run-1_T1w', 'enhance', 'run', 'fitted with sub-01_run-2_T1w')
    assert rows[1] == ('sub-01_run-2_T1w', 'enhance', 'run', 'fitted with sub-01_run-1_T1w')
    assert rows[2][2] == 'refused'
    args = ['-w', str(tmp_path / 'work'), *QUICK, '--fuse', 'runs']
    assert main([str(root), str(tmp_path / 'out'), 'participant', *args]) == Exit.FAILURE
    _, rows, _ = dry(root, '--fuse', 'runs', '--device', 'cpu', '--sloppy')
    assert [row[2] for row in rows] == ['finished before', 'finished before', 'refused']


def test_no_heavy_library_is_imported(make_dataset, tmp_path):
    root = make_dataset('sub-01')
    code = (
        'import sys; from ulfprep.cli.main import main\n'
        f'args = [{str(root)!r}, {str(tmp_path / "out")!r}, "participant", "--dry-run"]\n'
        'assert main(args) == 0\n'
        'heavy = {"torch", "nipype", "matplotlib", "SimpleITK", "pandas"}\n'
        'print("heavy:", sorted(heavy & set(sys.modules)))'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == 'heavy: []'
