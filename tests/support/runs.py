"""Running the installed command and the BIDS validator, for the integration tests."""

import json
import os
import subprocess
import sys
from pathlib import Path

from ulfprep.machine import usable_cpus

#: Flags of a quick run: one core, embedded segmentation, a coarse fit, no validator.
QUICK = [
    '--nprocs', '1', '--device', 'cpu', '--segmentation', 'embedded', '--sloppy',
    '--skip-bids-validation',
]  # fmt: skip

ROOT = Path(__file__).resolve().parents[2]
#: CPUs of one run: where tests run side by side, so do their runs.
CPUS = max(1, usable_cpus() // int(os.environ.get('PYTEST_XDIST_WORKER_COUNT', '1')))
EXAMPLES = ROOT / 'bids_examples' / 'ulf64mt'


def run_ulfprep(*arguments, timeout=1500) -> subprocess.CompletedProcess:
    """Run the installed console script, on no more CPUs than are this test's to use."""
    if '--nprocs' not in arguments:
        arguments = (*arguments, '--nprocs', CPUS)
    script = Path(sys.executable).with_name('ulfprep')
    return subprocess.run(
        [str(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def quality(out: Path, stem: str = 'sub-01', suffix: str = 'T1w') -> dict:
    """Return the QC file of a scan, which must be strict JSON and tell nothing of this machine."""
    (path,) = out.glob(f'sub-*/**/anat/{stem}_desc-qc_{suffix}.json')
    text = path.read_text()
    assert str(out.parent) not in text

    def refuse(word):
        raise AssertionError(f'{word} is no JSON')

    return json.loads(text, parse_constant=refuse)


def notes(qc: dict) -> list[str]:
    """Return the texts of the notes in a QC file."""
    return [note['text'] for note in qc['notes']]


def validate(root) -> subprocess.CompletedProcess:
    """Run the BIDS validator; its exit status is 0 where there is no error."""
    script = Path(sys.executable).with_name('bids-validator-deno')
    return subprocess.run([str(script), str(root)], capture_output=True, text=True, check=False)
