"""Runs of the command in this process, with few words."""

import pytest

from ulfprep.cli.main import main

QUICK = [
    '--nprocs',
    '1',
    '--device',
    'cpu',
    '--segmentation',
    'embedded',
    '--skip-bids-validation',
]


@pytest.fixture
def run(tmp_path):
    """Return a function that runs the participant level and returns the exit code.

    Later flags replace the usual ones: one core, embedded segmentation, no validator.
    """

    def run(root, *args, out='out'):
        folders = [str(root), str(tmp_path / out), 'participant', '-w', str(tmp_path / 'wörk dir')]
        return main([*folders, *QUICK, '--skip-bids-validation', *map(str, args)])

    return run
