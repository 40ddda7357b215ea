"""Running the installed command and the BIDS validator, for the integration tests."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / 'bids_examples' / 'ulf64mt'


def run_ulfprep(*arguments, timeout=1500) -> subprocess.CompletedProcess:
    """Run the installed console script."""
    script = Path(sys.executable).with_name('ulfprep')
    return subprocess.run(
        [str(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def validate(root) -> subprocess.CompletedProcess:
    """Run the BIDS validator; its exit status is 0 where there is no error."""
    script = Path(sys.executable).with_name('bids-validator-deno')
    return subprocess.run([str(script), str(root)], capture_output=True, text=True, check=False)
