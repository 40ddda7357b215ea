"""Every exit code, by a situation that brings it about, through the command itself."""

import fcntl
import os

import pytest
from faults import ERROR_PREFIX, as_nobody, assert_no_traceback, needs_users, write_dataset


def fine(place):
    return ['--participant-label', '01']


def one_of_two_is_no_image(place):
    (place.bids / 'sub-02/anat/sub-02_T1w.nii.gz').write_bytes(b'no image')
    return []


def unknown_flag(place):
    return ['--enhance-harder']


def description_cut_short(place):
    (place.bids / 'dataset_description.json').write_text('{"Name": ')
    return []


def label_of_nobody(place):
    return ['--participant-label', '99']


def work_in_input(place):
    return ['-w', str(place.bids / 'work')]


def no_image_at_all(place):
    for path in place.bids.rglob('*.nii.gz'):
        path.write_bytes(b'')
    return []


def no_input(place):
    place.bids.rename(place.base / 'elsewhere')
    return []


def file_where_the_output_goes(place):
    place.out.write_text('notes')
    return []


def folder_where_a_file_goes(place):
    """What cannot be replaced is found during the run, not before it."""
    (place.out / 'dseg.tsv' / 'mine').mkdir(parents=True)
    return []


def held_by_another_process(place):
    folder = place.out / 'logs/locks'
    folder.mkdir(parents=True)
    for label in ('01', '02'):
        file = os.open(folder / f'sub-{label}.lock', os.O_RDWR | os.O_CREAT)
        fcntl.flock(file, fcntl.LOCK_EX)
    return []  # the locks are held until these tests are over


@pytest.mark.parametrize(
    ('situation', 'code', 'said'),
    [
        (fine, 0, ['sub-01_T1w', 'finished']),
        (one_of_two_is_no_image, 1, ['sub-02_T1w.nii.gz', 'sub-01_T1w', 'finished']),
        (unknown_flag, 2, ['--enhance-harder', '--help']),
        (description_cut_short, 16, ['dataset_description.json', 'mend']),
        (label_of_nobody, 18, ['99', 'known: 01, 02']),
        (work_in_input, 64, ['in/work', '--work-dir']),
        (no_image_at_all, 65, ['sub-01_T1w.nii.gz', '0 bytes']),
        (no_input, 66, ['/in: there is no such folder']),
        (file_where_the_output_goes, 73, ['/out: is a file', 'choose another']),
        (folder_where_a_file_goes, 74, ['dseg.tsv', 'directory']),
        (held_by_another_process, 75, ['sub-01', 'wait for it', 'run the same command again']),
    ],
    ids=lambda value: getattr(value, '__name__', None),
)
def test_exit_code(place, situation, code, said):
    write_dataset(place.bids, {'01': 3.0, '02': 3.0})
    done = place.run(*situation(place))
    assert done.returncode == code, done.stderr
    assert_no_traceback(done)
    for words in said:
        assert words in done.stderr
    if code >= 16 and code not in (65, 74, 75):  # the run did not begin
        lines = [line for line in done.stderr.splitlines() if line.startswith(ERROR_PREFIX)]
        assert len(lines) == 1
        assert not list(place.out.glob('sub-*'))


@needs_users
def test_input_that_may_not_be_read(place):
    """Root reads everything, so somebody else has to try; pytest's folders are private."""
    write_dataset(place.bids, {'01': 3.0})
    done = as_nobody(place.command(), cwd='/')
    assert done.returncode == 66, done.stderr
    assert 'the folder cannot be read (Permission denied)' in done.stderr
