"""Which images are found, how quickly, and the index that is kept for later runs."""

import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from faults import as_nobody, needs_users

from ulfprep.bids.read.index import (
    DATABASE,
    TICK,
    BrokenIndexError,
    IndexFolderError,
    IndexOfAnotherError,
    anatomical_images,
)


def plant(root, *names):
    """Write a dataset of empty images and return its folder."""
    root.mkdir(exist_ok=True)
    (root / 'dataset_description.json').write_text('{"Name": "x", "BIDSVersion": "1.10.0"}')
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'x')
    return root


A1, A2, B1 = (
    'sub-01/anat/sub-01_T1w.nii.gz',
    'sub-01/ses-A/anat/sub-01_ses-A_T2w.nii',
    'sub-02/anat/sub-02_T1w.nii.gz',
)


@pytest.fixture
def root(tmp_path):
    return plant(tmp_path / 'raw', A1, A2, B1, 'sub-01/func/sub-01_task-a_bold.nii.gz')


def names(root, labels=('01', '02'), **more):
    return [p.relative_to(root).as_posix() for p in anatomical_images(root, list(labels), **more)]


def test_images_of_the_participants_asked_for(root):
    assert names(root) == [A1, A2, B1]
    assert names(root, ['01']) == [A1, A2]
    plant(root, 'sub-01/anat/sub-01_T1w.json', 'sub-01/anat/.sub-01_T1w.nii.gz')
    assert names(root, ['01']) == [A1, A2]


def test_links_that_lead_nowhere_are_scans(root):
    (root / A1).unlink()
    (root / A1).symlink_to('../../.git/annex/objects/x/y.nii.gz')
    assert names(root, ['01']) == [A1, A2]


def test_folders_above_the_dataset_do_not_matter(tmp_path):
    place = tmp_path / 'func' / 'sub-09' / 'ses-Z'
    place.mkdir(parents=True)
    assert names(plant(place / 'raw', A1, B1)) == [A1, B1]


def test_linked_folders_are_followed(root, tmp_path):
    shutil.move(root / 'sub-02', tmp_path / 'elsewhere')
    (root / 'sub-02').symlink_to(tmp_path / 'elsewhere')
    assert names(root) == [A1, A2, B1]


@needs_users
@pytest.mark.parametrize('closed', ['sub-01', 'sub-01/ses-A', 'sub-01/anat'])
def test_a_folder_that_may_not_be_read_is_told_of(closed):
    code = (
        'import sys; from pathlib import Path\n'
        'from ulfprep.bids.read.index import anatomical_images\n'
        'print([p.name[:6] for p in anatomical_images(Path(sys.argv[1]), ["01", "02"])])'
    )
    # pytest's own folders are private.
    with TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        root = plant(Path(place) / 'raw', A1, A2, B1)
        (root / closed).chmod(0o700)
        done = as_nobody(
            [sys.executable, '-c', code, root],
            cwd=Path(__file__).parents[3],
            env={**os.environ, 'HOME': place, 'PYTHONDONTWRITEBYTECODE': '1'},
        )
    expected = {'sub-01': [], 'sub-01/ses-A': ['sub-01'], 'sub-01/anat': ['sub-01']}[closed]
    assert done.stdout.strip() == str([*expected, 'sub-02'])
    assert f'{root / closed}: may not be looked into' in done.stderr


def test_a_kept_index_is_used_while_nothing_changed(root, tmp_path, monkeypatch):
    folder = tmp_path / 'new' / 'database'
    time.sleep(2 * TICK)  # what has only just changed may change again unseen
    assert names(root, ['01'], database_dir=folder) == [A1, A2]
    assert [path.name for path in folder.iterdir()] == [DATABASE]
    # It is of all participants, and no folder is indexed again.
    monkeypatch.setattr(
        'ulfprep.bids.read.index.indexed', lambda *args: pytest.fail('indexed again')
    )
    assert names(root, database_dir=folder) == [A1, A2, B1]
    assert names(root, ['02'], database_dir=folder) == [B1]


def test_a_kept_index_follows_the_dataset(root, tmp_path):
    folder = tmp_path / 'database'
    names(root, database_dir=folder)
    more = 'sub-01/anat/sub-01_FLAIR.nii.gz'
    plant(root, more)
    (root / B1).unlink()
    assert names(root, database_dir=folder) == [more, A1, A2]
    # What is copied keeps its old times; the folder it lands in does not.
    shutil.copytree(root / 'sub-01', tmp_path / 'old', copy_function=shutil.copy2)
    for path in (tmp_path / 'old', *(tmp_path / 'old').rglob('*')):
        os.utime(path, (1e9, 1e9))
    shutil.copytree(tmp_path / 'old', root / 'sub-03', copy_function=shutil.copy2)
    assert len(names(root, ['03'], database_dir=folder)) == 3


def test_nothing_is_written_where_nothing_may_be(root, tmp_path):
    folder = tmp_path / 'database'
    assert names(root, database_dir=folder, keep=False) == [A1, A2, B1]
    assert not folder.exists()
    names(root, database_dir=folder)
    before = (folder / DATABASE).read_bytes()
    plant(root, 'sub-01/anat/sub-01_FLAIR.nii.gz')
    assert len(names(root, database_dir=folder, keep=False)) == 4
    assert (folder / DATABASE).read_bytes() == before


def test_an_index_of_others_is_used_but_never_replaced(root, tmp_path, caplog):
    from bids import BIDSLayout

    folder = tmp_path / 'database'
    BIDSLayout(root, validate=False, database_path=folder)
    file = folder / DATABASE
    os.utime(file, (time.time() + 5,) * 2)
    assert names(root, database_dir=folder) == [A1, A2, B1]
    before = file.read_bytes()
    os.utime(file, (1e9, 1e9))
    plant(root, 'sub-02/anat/sub-02_T2w.nii.gz')
    with caplog.at_level(logging.WARNING):
        assert len(names(root, database_dir=folder)) == 4
    assert 'not of ulfprep' in caplog.text
    assert file.read_bytes() == before


def test_an_index_of_another_dataset_is_refused(root, tmp_path):
    folder = tmp_path / 'database'
    names(root, database_dir=folder)
    other = plant(tmp_path / 'other', A1)
    with pytest.raises(IndexOfAnotherError, match=rf'{root}.*name another --bids-database-dir'):
        names(other, ['01'], database_dir=folder)
    # By another way to the same folder it is the same dataset.
    (tmp_path / 'link').symlink_to(root)
    assert names(tmp_path / 'link', database_dir=folder) == [A1, A2, B1]


@pytest.mark.parametrize('damage', ['text', 'empty', 'cut', 'scrambled', 'other tables'])
def test_an_index_that_cannot_be_read_is_one_line(root, tmp_path, damage):
    folder = tmp_path / 'database'
    names(root, database_dir=folder)
    file = folder / DATABASE
    content = bytearray(file.read_bytes())
    if damage == 'scrambled':
        content[4096:] = bytes(255 - byte for byte in content[4096:])
    if damage == 'other tables':
        file.unlink()
        connection = sqlite3.connect(file)
        connection.execute('CREATE TABLE a (b)')
        connection.commit()
        connection.close()
    else:
        file.write_bytes({'text': b'hello', 'empty': b'', 'cut': content[: len(content) // 2]}
                         .get(damage, content))  # fmt: skip
    with pytest.raises(BrokenIndexError, match='remove it') as error:
        names(root, database_dir=folder)
    assert str(file) in str(error.value)
    assert '\n' not in str(error.value)


def test_a_folder_that_cannot_be_made(root, tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(IndexFolderError, match='choose another --bids-database-dir'):
        names(root, database_dir=tmp_path / 'file' / 'database')


def test_two_processes_at_once(root, tmp_path):
    folder = tmp_path / 'database'
    code = (
        'import sys; from pathlib import Path\n'
        'from ulfprep.bids.read.index import anatomical_images\n'
        'root, folder = map(Path, sys.argv[1:])\n'
        'print(len(anatomical_images(root, ["01", "02"], folder)))'
    )
    both = [
        subprocess.Popen(
            [sys.executable, '-c', code, str(root), str(folder)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        for _ in range(2)
    ]
    assert [process.communicate()[0].strip() for process in both] == ['3', '3']
    assert [path.name for path in folder.iterdir()] == [DATABASE]
    assert names(root, database_dir=folder) == [A1, A2, B1]
