"""A function in a process of its own: its result, its failure, its memory."""

import operator
import os
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest

from ulfprep.evaluation.process import in_fresh_process, measured, peak_memory


def test_what_a_function_returns_or_raises_comes_back():
    assert in_fresh_process(operator.add, 2, 3) == 5
    with pytest.raises(ZeroDivisionError, match='^division by zero$'):
        in_fresh_process(operator.truediv, 1, 0)


def test_a_process_that_dies_is_told_from_one_that_raises():
    with pytest.raises(BrokenProcessPool):
        in_fresh_process(os._exit, 3)


def test_memory_is_that_of_the_process_and_not_of_its_parent():
    held = np.ones(75_000_000)  # 600 MB
    before = peak_memory()
    assert before > 0.6
    assert in_fresh_process(peak_memory) < before - 0.5
    assert held.size


def test_a_process_has_one_thread_and_the_environment_stays(monkeypatch):
    monkeypatch.setenv('OMP_NUM_THREADS', '3')
    assert in_fresh_process(os.getenv, 'OMP_NUM_THREADS') == '1'
    assert os.environ['OMP_NUM_THREADS'] == '3'


def test_work_is_measured():
    with measured() as cost:
        sum(k * k for k in range(3_000_000))
    assert cost.cpu > 0
    assert cost.wall > 0
    assert cost.memory > 0.01
