"""A function in a process of its own: its result, its failure, its memory."""

import operator
import os

import numpy as np
import pytest

from ulfprep.evaluation.fresh import (
    ProcessFailed,
    in_fresh_process,
    measured,
    peak_memory,
)


def test_what_a_function_returns_comes_back():
    assert in_fresh_process(operator.add, 2, 3) == 5


def test_an_error_is_told_in_one_line():
    with pytest.raises(ProcessFailed, match='^division by zero$'):
        in_fresh_process(operator.truediv, 1, 0)


def test_a_process_that_dies_is_told_from_one_that_raises():
    with pytest.raises(ProcessFailed, match='status 3'):
        in_fresh_process(os._exit, 3)
    with pytest.raises(ProcessFailed, match='signal 6'):
        in_fresh_process(os.abort)


def test_memory_is_that_of_the_process_and_not_of_its_parent():
    held = np.ones(75_000_000)  # 600 MB
    before = peak_memory()
    assert before > 0.6
    assert in_fresh_process(peak_memory) < before - 0.5
    assert held.size


def test_threads_are_those_asked_for_and_the_environment_stays(monkeypatch):
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    assert in_fresh_process(os.getenv, 'OMP_NUM_THREADS', threads=3) == '3'
    assert os.environ['OMP_NUM_THREADS'] == '1'


def test_work_takes_processor_time_and_waiting_does_not():
    import time

    with measured() as waiting:
        time.sleep(0.3)
    with measured() as working:
        start = time.process_time()
        while time.process_time() - start < 0.4:  # however fast the machine is
            sum(k * k for k in range(10_000))
    assert waiting.wall >= 0.3
    assert waiting.cpu < 0.2
    assert working.cpu > 0.3
    assert working.memory > 0.01
