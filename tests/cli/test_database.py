"""What ``--bids-database-dir`` does to a run: its exit code, one line, and no work."""

import pytest

from ulfprep.bids.read.index import DATABASE, anatomical_images
from ulfprep.cli.exit_codes import Exit
from ulfprep.cli.main import main


@pytest.fixture
def fails(make_dataset, tmp_path, capsys):
    """Return a function that runs with a database folder and returns exit code and message."""
    root = make_dataset('sub-01')

    def run(folder):
        code = main([
            str(root), str(tmp_path / 'out'), 'participant', '-w', str(tmp_path / 'work'),
            '--device', 'cpu', '--segmentation', 'embedded', '--skip-bids-validation',
            '--bids-database-dir', str(folder),
        ])  # fmt: skip
        lines = capsys.readouterr().err.splitlines()
        (message,) = [line for line in lines if line.startswith('ulfprep: error: ')]
        assert not any('Traceback' in line for line in lines)
        assert not list((tmp_path / 'out').rglob('sub-*'))
        return code, message

    return run


def test_the_index_of_another_dataset(fails, make_dataset, tmp_path):
    other = make_dataset('sub-01', name='other')
    anatomical_images(other, ['01'], tmp_path / 'database')
    code, message = fails(tmp_path / 'database')
    assert code == Exit.USAGE
    assert str(other) in message


def test_an_index_that_cannot_be_read(fails, tmp_path):
    (tmp_path / 'database').mkdir()
    (tmp_path / 'database' / DATABASE).write_bytes(b'no database')
    code, message = fails(tmp_path / 'database')
    assert code == Exit.NO_INPUT
    assert 'remove it' in message


def test_a_folder_that_cannot_be_made(fails, tmp_path):
    (tmp_path / 'file').write_text('')
    code, message = fails(tmp_path / 'file' / 'database')
    assert code == Exit.CANNOT_CREATE
    assert '--bids-database-dir' in message
