"""What the README shows can be run."""

import re
from pathlib import Path

import numpy as np

README = Path(__file__).parents[1] / 'README.md'


def test_the_example_of_the_physics_runs():
    (code,) = re.findall(r'```python\n(.*?)```', README.read_text(), re.DOTALL)
    names: dict = {}
    exec(compile(code, 'README.md', 'exec'), names)  # noqa: S102 - our own README
    expected, scan = names['expected'], names['scan']
    assert expected.shape == scan.shape
    # White matter keeps its brightness, and nothing is brighter than it.
    assert 0.95 < np.percentile(expected, 99.9) < 1.02


def test_options_that_the_readme_names_exist():
    from ulfprep.cli.parser import build_parser

    known = build_parser().format_help()
    # Of pip, pytest, Docker and Apptainer.
    others = {'--editable', '--data', '--dist', '--no-deps', '--rm', '--network', '--read-only'}
    others |= {'--tmpfs', '--user', '--build-arg', '--gpus', '--cleanenv', '--containall', '--nv'}
    for flag in set(re.findall(r'--[a-z]+(?:-[a-z]+)*', README.read_text())):
        assert flag in known or flag in others, flag


def test_files_that_the_readme_names_exist():
    for word in README.read_text().replace('(', ' ').replace(')', ' ').split():
        if word.startswith(('bids_examples/', 'docs/', 'ulfprep/')):
            assert (README.parent / word.strip('`.,').partition('#')[0]).exists(), word
