"""Where memory runs out the parts of the work become smaller, and the result says so."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from fields import weights

from ulfprep.inr import fit_scan, load_fit, save_fit
from ulfprep.inr.memory import halved_until_it_fits, is_out_of_memory
from ulfprep.inr.problem import Problem

BLOCKS = 'blocks of {:g} mm'


@pytest.mark.parametrize(
    ('error', 'answer'),
    [
        (torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB.'), True),
        (RuntimeError('DefaultCPUAllocator: not enough memory: you tried to allocate 9 B.'), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate"), True),
        (MemoryError(), True),
        (RuntimeError('mat1 and mat2 shapes cannot be multiplied'), False),
        (ValueError('out of memory'), False),
    ],
)
def test_what_is_told_from_other_errors(error, answer):
    assert is_out_of_memory(error) is answer


@pytest.mark.parametrize('allocate', [lambda: torch.empty(2**60), lambda: np.empty(2**58)])
def test_the_errors_of_torch_and_numpy_are_known(allocate):
    with pytest.raises((RuntimeError, MemoryError)) as caught:
        allocate()
    assert is_out_of_memory(caught.value)


def runs_out_above(limit):
    def work(size):
        if size > limit:
            raise torch.OutOfMemoryError('CUDA out of memory.')
        return 10 * size

    return work


def test_size_is_halved_until_it_fits(caplog):
    with caplog.at_level(logging.WARNING, 'ulfprep'):
        assert halved_until_it_fits(runs_out_above(99), 56, 6, BLOCKS) == (560, ())
        assert not caplog.text
        result, notes = halved_until_it_fits(runs_out_above(15), 56, 6, BLOCKS)
    assert result == 140
    assert notes == tuple(f'Memory ran out with blocks of {size} mm.' for size in (56, 28))
    assert 'Trying blocks of 14 mm' in caplog.text


def test_below_the_floor_it_is_an_error_that_says_what_to_do():
    with pytest.raises(MemoryError, match=r'even with blocks of 7 mm; use fewer .*--nprocs'):
        halved_until_it_fits(runs_out_above(1), 56, 6, BLOCKS)


def test_other_errors_pass():
    def broken(size):
        raise RuntimeError('a fault of ours')

    with pytest.raises(RuntimeError, match='a fault of ours'):
        halved_until_it_fits(broken, 56, 6, BLOCKS)


def test_a_fit_short_of_memory_is_the_fit_with_smaller_blocks(
    problem, options, monkeypatch, tmp_path
):
    options = replace(options, epochs=2, block_mm=48.0)
    loss = Problem.loss

    def short(self, network, *where):
        # On the way: a step was taken with the large blocks already.
        if self.options.block_mm > 24 and network.head.weight.any():
            raise torch.OutOfMemoryError('CUDA out of memory.')
        return loss(self, network, *where)

    expected = fit_scan(*problem.scan, replace(options, block_mm=24.0), seed=7)
    monkeypatch.setattr(Problem, 'loss', short)
    fit = fit_scan(*problem.scan, options, seed=7)
    assert fit.options.block_mm == 24
    assert fit.notes == ('Memory ran out with blocks of 48 mm in the fit.',)
    assert fit.history == expected.history
    assert weights(fit) == weights(expected)
    save_fit(fit, tmp_path / 'field.pt')
    assert load_fit(tmp_path / 'field.pt').notes == fit.notes
