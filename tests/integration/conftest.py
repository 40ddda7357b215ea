"""Runs of the real console script, each made once and looked at by many tests."""

import os
from pathlib import Path

import pytest
from runs import EXAMPLES, ROOT, run_ulfprep


def pytest_collection_modifyitems(items):
    """Everything in this folder takes minutes."""
    here = Path(__file__).parent
    for item in items:
        if here in Path(item.path).parents:
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope='session')
def example_run(tmp_path_factory):
    """Participant level on the example dataset with the default settings."""
    base = tmp_path_factory.mktemp('examples')
    done = run_ulfprep(
        EXAMPLES, base / 'out', 'participant', '-w', base / 'work',
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return base / 'out', done


@pytest.fixture(scope='session')
def test_data():
    """Folder of the real scans."""
    folder = Path(os.environ.get('ULFPREP_TEST_DATA', ROOT.parent / 'shared' / 'data'))
    if not folder.is_dir():
        message = f'no real scans at {folder}: set ULFPREP_TEST_DATA to their folder'
        if os.environ.get('CI'):
            pytest.fail(message)
        pytest.skip(message)
    return folder
