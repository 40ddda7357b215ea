"""Folders that lie in one another, whatever they are called, are refused before any work."""

import pytest
from faults import Place, assert_no_traceback, in_mounts, needs_mounts, write_dataset

from ulfprep.cli.exit_codes import Exit, Stop
from ulfprep.cli.paths import check_paths, make_folder
from ulfprep.settings import Settings


@pytest.fixture
def base(tmp_path):
    """Return a folder with a dataset named ``in`` and links that lead to it and into it."""
    write_dataset(tmp_path / 'in', {'01': 3.0})
    (tmp_path / 'alias').symlink_to('in')
    (tmp_path / 'inner').symlink_to('in/sub-01')
    return tmp_path


def settings_of(base, out='out', work='work', bids='in', **more):
    return Settings(base / bids, base / out, work_dir=base / work, **more)


@pytest.mark.parametrize(
    ('folders', 'word'),
    [
        ({'out': 'in'}, 'derivatives/ulfprep'),
        ({'out': 'alias'}, 'derivatives/ulfprep'),
        ({'out': 'in/'}, 'is the input'),
        ({'out': '.'}, 'contains'),
        ({'out': 'study', 'bids': 'study/raw'}, 'contains .*/study/sourcedata'),
        ({'out': 'study', 'bids': 'study/derivatives/raw'}, 'contains'),
        ({'out': 'study', 'bids': 'study/sub-01/sourcedata'}, 'contains'),
        (
            {'out': 'study', 'bids': 'study/sourcedata/raw', 'work': 'study/sourcedata'},
            '--work-dir',
        ),
        (
            {'out': 'study', 'bids': 'study/sourcedata/raw', 'work': 'study/sourcedata/raw/work'},
            '--work-dir',
        ),
        ({'out': 'in/results'}, 'lies in the input'),
        ({'out': 'in/sub-01'}, 'lies in the input'),
        ({'out': 'in/sub-01/anat/results'}, 'lies in the input'),
        ({'out': 'inner/results'}, 'lies in the input'),
        ({'out': 'in/derivatives'}, 'lies in the input'),
        ({'out': 'in/sourcedata/ulfprep'}, 'lies in the input'),
        ({'work': 'in'}, '--work-dir'),
        ({'work': 'in/work'}, '--work-dir'),
        ({'work': 'in/derivatives/work'}, '--work-dir'),
        ({'work': 'inner/work'}, '--work-dir'),
        ({'work': '.'}, '--work-dir'),
        ({'work': 'out'}, '--work-dir'),
        ({'out': 'all/out', 'work': 'all'}, '--work-dir'),
        ({'work': 'my_unfinished'}, '_unfinished'),
        ({'simulate_as_bids': 'work/raw'}, 'work folder'),
        ({'simulate_as_bids': 'raw', 'work': 'raw/work'}, '--work-dir'),
    ],
    ids=str,
)
def test_refused(base, folders, word):
    if 'simulate_as_bids' in folders:
        folders = folders | {'simulate_as_bids': base / folders['simulate_as_bids']}
    with pytest.raises(Stop, match=word) as stopped:
        check_paths(settings_of(base, **folders))
    assert stopped.value.code == Exit.USAGE
    assert '\n' not in str(stopped.value)


@pytest.mark.parametrize(
    'folders',
    [
        {},
        {'out': 'study', 'bids': 'study/sourcedata/raw', 'work': 'study/work'},
        {'out': 'study', 'bids': 'study/sourcedata', 'work': 'work'},
        {'out': 'study', 'bids': 'study/inputs/data/raw', 'work': 'work'},
        {'out': 'in/derivatives/ulfprep'},
        {'out': 'in/derivatives/ulfprep/second'},
        {'out': 'alias/derivatives/ulfprep'},
        {'out': 'inside', 'work': 'inside/work'},
        {'out': 'input'},
        {'work': 'in-work'},
    ],
    ids=str,
)
def test_allowed(base, folders):
    if 'bids' in folders:
        write_dataset(base / folders['bids'], {'01': 3.0})
    check_paths(settings_of(base, **folders))


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / 'file').write_text('x')
    for path in (tmp_path / 'file', tmp_path / 'file' / 'out'):
        with pytest.raises(Stop) as stopped:
            make_folder(path, 'output folder')
        assert stopped.value.code == Exit.CANNOT_CREATE
        assert str(path) in str(stopped.value)


@needs_mounts
def test_a_mount_of_the_input_is_the_input(base):
    (base / 'mounted').mkdir()
    words = Place(base).command(out=base / 'mounted')
    done = in_mounts(f'mount --bind "{base}/in" "{base}/mounted"; "$@"', *words)
    assert done.returncode == 64, done.stderr
    assert 'is the input dataset' in done.stderr


@pytest.mark.parametrize(
    ('out', 'code'),
    [
        ('~nobody-of-this-name/out', 64),
        ('loop/out', 64),
        ('in/../in/', 64),
        ('./in/sub-01/../results/', 64),
        ('x' * 300, 73),
    ],
)
def test_odd_spellings_through_the_command(base, monkeypatch, out, code):
    (base / 'loop').symlink_to('loop')
    monkeypatch.chdir(base)
    done = Place(base).run_in(base, bids='in/', out=out, work='work')
    assert done.returncode == code, done.stderr
    assert_no_traceback(done)
    assert sum(line.startswith('ulfprep: error: ') for line in done.stderr.splitlines()) == 1
