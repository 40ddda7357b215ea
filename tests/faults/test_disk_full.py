"""A disk that is full ends what cannot be written, in words, and costs nothing that was done."""

import shutil
from pathlib import Path

from faults import (
    assert_no_traceback,
    assert_same,
    assert_whole,
    in_mounts,
    needs_mounts,
    results,
)

pytestmark = needs_mounts
#: Enough for a run to be begun, KiB: what fills the disk comes later.
ENOUGH = 60_000
#: Fills a disk but for some bytes as soon as the first scan is finished.
FILL = (
    '(until ls "{out}"/sub-01/figures/*.svg >/dev/null 2>&1; do sleep 0.05; done; '
    'free=$(df --output=avail -B1 "{small}" | tail -1); '
    'head -c $((free - {left})) /dev/zero >"{small}/filler" 2>/dev/null) & '
)
#: Less than the second scan's files take, bytes.
LITTLE = 400_000


def run_in_small(place, folder: str, kilobytes: int, left: int | None = None):
    """Run with a folder on a small disk; what was in it is there afterwards.

    Parameters
    ----------
    place : Place
    folder : {'out', 'work'}
    kilobytes : int
        Size of the disk.
    left : int or None
        Bytes that are left of it when the first scan is finished; None for all.
    """
    small, kept = place.base / folder, place.base / 'kept'
    small.mkdir()
    fill = '' if left is None else FILL.format(out=place.out, small=small, left=left)
    script = (
        f'mount -t tmpfs -o size={kilobytes}k tmpfs "{small}"; {fill}'
        f'code=0; "$@" || code=$?; rm -f "{small}/filler"; cp -a "{small}" "{kept}"; exit $code'
    )
    done = in_mounts(script, *place.command())
    small.rmdir()
    kept.rename(small)
    return done


def check_said(done, out: Path, folder: Path):
    """The reason and a file are named, nothing is half written, and the other scan is done."""
    assert done.returncode in (1, 74), done.stderr
    assert_no_traceback(done)
    lines = [line for line in done.stderr.splitlines() if 'No space left on device' in line]
    assert any(str(folder) in line for line in lines), done.stderr
    assert_whole(out)


def test_output_full(twin, undisturbed):
    done = run_in_small(twin, 'out', ENOUGH, LITTLE)
    check_said(done, twin.out, twin.out)
    assert list(twin.out.glob('sub-01/anat/*_desc-qc_*.json'))
    assert not list(twin.out.glob('sub-02/anat/*_desc-qc_*.json'))
    again = twin.run()
    assert again.returncode == 0, again.stderr
    assert 'sub-01_T1w: finished before' in again.stderr
    assert 'sub-02_T1w: finished before' not in again.stderr
    assert_same(results(twin.out), undisturbed[1])


def test_output_full_from_the_start(place, undisturbed):
    shutil.copytree(undisturbed[0].bids, place.bids)
    done = run_in_small(place, 'out', 8)
    assert done.returncode in (73, 74), done.stderr
    assert_no_traceback(done)
    assert 'No space left on device' in done.stderr


def test_a_disk_that_is_far_too_small_is_told_of_before_the_work(twin):
    done = run_in_small(twin, 'work', 4000)
    assert done.returncode == 73, done.stderr
    (line,) = [text for text in done.stderr.splitlines() if text.startswith('ulfprep: error:')]
    assert f'{twin.work}: the work folder has 4 MB free, and 2 scan(s) will take' in line
    assert '--work-dir' in line
    assert not list(twin.out.glob('sub-*/anat/*_desc-qc_*.json'))


def test_work_full(twin, undisturbed):
    done = run_in_small(twin, 'work', ENOUGH, LITTLE)
    check_said(done, twin.out, twin.work)
    again = twin.run()
    assert again.returncode == 0, again.stderr
    assert_same(results(twin.out), undisturbed[1])


def test_not_a_byte_left(twin, undisturbed):
    """Where not even a log can be written, the table at the end still tells why."""
    done = run_in_small(twin, 'out', ENOUGH, 0)
    check_said(done, twin.out, twin.out)
    table = done.stderr.partition('scans after')[2]
    assert 'sub-02_T1w  failed' in table
    assert 'No space left on device' in table
    assert 'the log cannot be written (No space left on device)' in done.stderr
    again = twin.run()
    assert again.returncode == 0, again.stderr
    assert_same(results(twin.out), undisturbed[1])
