"""Runs of the command in this process, with few words."""

import pytest
from runs import QUICK

from ulfprep.cli.main import main


@pytest.fixture
def run(tmp_path):
    """Return a function that runs the participant level and returns the exit code.

    Later flags replace the usual ones: one core, embedded segmentation, no validator.
    """

    def run(root, *args, out='out'):
        folders = [str(root), str(tmp_path / out), 'participant', '-w', str(tmp_path / 'wörk dir')]
        return main([*folders, *QUICK, *map(str, args)])

    return run
