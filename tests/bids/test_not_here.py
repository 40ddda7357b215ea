"""Files whose content git-annex or Git LFS did not fetch: named as such wherever they are read."""

import json

import nibabel as nib
import numpy as np
import pytest

from ulfprep.bids.files import not_here
from ulfprep.bids.read.checks import check_image
from ulfprep.bids.read.derived import find_mask, find_pieces, label_numbers
from ulfprep.bids.read.derived_read import (
    BadDerivativeError,
    MissingDerivativeError,
    read_brain,
    read_volume,
)
from ulfprep.bids.read.nifti import UnusableScanError
from ulfprep.bids.read.sidecars import BrokenSidecarError, read_sidecar
from ulfprep.bids.tables import NoParticipantsFileError, read_groups
from ulfprep.bids.task import Scan
from ulfprep.cli.exit_codes import Stop
from ulfprep.cli.paths import check_dataset

KEY = 'MD5E-s274345--0cc175b9c0f1b6a831c399e269772661.nii.gz'
TEXTS = {
    'unlocked': f'/annex/objects/{KEY}\n',
    'link as text': f'../../.git/annex/objects/0x/Kq/{KEY}/{KEY}',
    'lfs': f'version https://git-lfs.github.com/spec/v1\noid sha256:{"ab" * 32}\nsize 9\n',
    'link': f'../.git/annex/objects/0x/Kq/{KEY}/{KEY}',
}
COMMANDS = {'lfs': 'git lfs pull'}


def leave(path, kind):
    """Put in a file's place what is there before its content was fetched."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == 'link':
        path.symlink_to(TEXTS[kind])
    else:
        path.write_text(TEXTS[kind])
    return path


def groups(path):
    return read_groups(path, 'site')


def dataset(path):
    return check_dataset(path.parent)


def labels(path):
    return label_numbers(path.with_name('sub-01_dseg.nii.gz'), path.parent)


@pytest.mark.parametrize('kind', TEXTS)
@pytest.mark.parametrize(
    ('name', 'read', 'error'),
    [
        ('sub-01_T1w.nii.gz', check_image, UnusableScanError),
        ('sub-01_T1w.json', read_sidecar, BrokenSidecarError),
        ('sub-01_mask.nii.gz', read_brain, MissingDerivativeError),
        ('aseg.mgz', read_volume, BadDerivativeError),
        ('sub-01_probseg.nii.gz', read_volume, BadDerivativeError),
        ('sub-01_dseg.tsv', labels, BadDerivativeError),
        ('participants.tsv', groups, NoParticipantsFileError),
        ('dataset_description.json', dataset, Stop),
    ],
)
def test_the_file_and_the_command_are_named(tmp_path, name, read, error, kind):
    path = leave(tmp_path / 'data' / name, kind)
    with pytest.raises(error) as caught:
        read(path)
    said = str(caught.value)
    assert str(path) in said
    assert 'content' in said
    assert COMMANDS.get(kind, f'git annex get {path}') in said
    assert '\n' not in said


@pytest.mark.parametrize('kind', TEXTS)
def test_what_was_not_fetched_is_still_found_by_name(tmp_path, kind):
    scan = Scan(tmp_path / 'x', {'subject': '01'}, {}, 'sub-01', 'bids:raw:x', 'T1w')
    mask = leave(tmp_path / 'sub-01/anat/sub-01_desc-brain_mask.nii.gz', kind)
    aseg = leave(tmp_path / 'fs/sub-01/mri/aseg.mgz', kind)
    (tmp_path / 'fs/sub-01/mri/orig.mgz').touch()
    assert find_mask(scan, tmp_path)[0] == mask
    assert find_pieces(scan, tmp_path / 'fs', 'fs').tissues.paths == (aseg,)


def test_a_link_to_nowhere_is_no_missing_file(tmp_path):
    link = tmp_path / 'mask.nii.gz'
    link.symlink_to('nowhere')
    with pytest.raises(MissingDerivativeError, match='broken link'):
        read_brain(link)


def test_paths_are_quoted_for_the_shell(tmp_path):
    path = leave(tmp_path / 'my data' / 'sub-01_T1w.nii.gz', 'unlocked')
    assert f"git annex get '{path}'" in not_here(path)


def test_what_is_here_is_not_taken_for_a_pointer(tmp_path):
    image, sidecar = tmp_path / 'x.nii', tmp_path / 'x.json'
    nib.save(nib.Nifti1Image(np.zeros((4, 4, 4), np.uint8), np.eye(4)), image)
    sidecar.write_text(json.dumps({'Source': '/annex/objects/x'}))
    (tmp_path / 'empty').touch()
    linked = tmp_path / 'linked.json'
    linked.symlink_to(sidecar)
    for path in (image, sidecar, linked, tmp_path / 'empty', tmp_path / 'none', tmp_path):
        assert not_here(path) == ''
