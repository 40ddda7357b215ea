"""A disk that is full ends what cannot be written, in words, and costs nothing that was done."""

import json
import shutil
from pathlib import Path

from faults import (
    QUICK,
    assert_no_traceback,
    assert_same,
    assert_whole,
    in_mounts,
    needs_mounts,
    results,
)

pytestmark = needs_mounts
#: What the smaller scan needs of an output folder, and of a work folder, KiB; the larger
#: one needs more.
FITS_ONE = {'out': 1500, 'work': 1400}


def run_in_small(place, folder: str, kilobytes: int):
    """Run with a folder on a disk of a few kilobytes; its content is kept in ``kept``."""
    small, kept = place.base / folder, place.base / 'kept'
    small.mkdir()
    script = (
        f'mount -t tmpfs -o size={kilobytes}k tmpfs "{small}"; code=0; "$@" || code=$?; '
        f'cp -a "{small}" "{kept}"; exit $code'
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
    done = run_in_small(twin, 'out', FITS_ONE['out'])
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


def test_work_full(twin, undisturbed):
    done = run_in_small(twin, 'work', FITS_ONE['work'])
    check_said(done, twin.out, twin.work)
    again = twin.run()
    assert again.returncode == 0, again.stderr
    assert_same(results(twin.out), undisturbed[1])


def test_no_verdict_is_lost(twin):
    """What failed on a full disk is told in the table at the end, also where no log can be."""
    done = run_in_small(twin, 'out', FITS_ONE['out'])
    table = done.stderr.partition('verdicts after')[2]
    assert 'sub-02_T1w  failed' in table
    assert 'No space left on device' in table
    settings = list(twin.out.glob('logs/*/settings.toml'))
    assert settings
    assert QUICK
    for path in twin.out.glob('logs/verdicts/*.json'):
        json.loads(path.read_text())
