"""``python -m ulfprep.evaluation uncertainty``: does the stated uncertainty cover the truth?"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ulfprep.evaluation.brains import LABELLED, find_brains
from ulfprep.evaluation.enhancers.registry import Effort, fit_field
from ulfprep.evaluation.prepare import prepare
from ulfprep.evaluation.process import measured
from ulfprep.evaluation.publish import table_text
from ulfprep.evaluation.score import INTERVALS, coverage, truth_at_target
from ulfprep.evaluation.segmentation import simulated_trials
from ulfprep.evaluation.trials import Trial, outside_trials

#: Columns of what is printed; see ``columns.tsv``.
COLUMNS = ['source', 'brain', 'voxel', 'snr', 'seed', *INTERVALS, 'rms_error', 'mean_sd']
COLUMNS += ['rank_correlation', 'mean_claim', 'mean_entropy', 'fit_cpu', 'render_cpu']


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    add = parser.add_argument
    add('--data', type=Path, help='folder of hf3t_aomic/ and hf_colin27/')
    add('--cases', type=Path, help='scans of another simulator: bids/, truth/')
    add('--brains', nargs='+', choices=LABELLED, help='of those in --data')
    add('--quick', action='store_true', help='SNR 14, 1.6x1.6x5 mm, one seed')
    add('--seeds', type=int, default=1, help='scans of each kind (default 1)')
    add('--sloppy', action='store_true', help='fit fast and poorly')


def run(options, argv) -> int:
    """Run the command: a TSV on the terminal, a row a scan."""
    print('\t'.join(COLUMNS))
    for trial in _trials(options):
        row = run_trial(trial, Effort(sloppy=options.sloppy))
        print(table_text([row], COLUMNS, head=False), end='', flush=True)
    return 0


def run_trial(trial: Trial, effort: Effort) -> dict:
    """Enhance a scan, and hold its uncertainty against the error.

    Returns
    -------
    dict
        Keys of :data:`COLUMNS`; errors and s.d. relative to the target's white matter.
    """
    from ulfprep.inr import render

    options, truth = effort.options(), trial.truth
    given = prepare(trial, options.spacing)
    with measured() as fitting:
        fit = fit_field(given, options)
    with measured() as rendering:
        result = render(fit, truth.grid)
    brain, white = (result.dseg > 0) & truth.mask, given.plan.target_means[2]
    error = (result.intensity - truth_at_target(trial, given.plan))[brain] / white
    sd = result.uncertainty[brain] / white
    return {
        'source': trial.regime, 'brain': trial.brain, 'voxel': trial.voxel, 'snr': trial.snr,
        'seed': trial.seed, **coverage(error, sd),
        'rms_error': float(np.sqrt(np.mean(error**2))), 'mean_sd': float(sd.mean()),
        'mean_claim': float(result.claim[brain].mean()),
        'mean_entropy': float(result.entropy[brain].mean()),
        'fit_cpu': fitting.cpu, 'render_cpu': rendering.cpu,
    }  # fmt: skip


def _trials(options) -> Iterator[Trial]:
    if options.cases is not None:
        yield from outside_trials(options.cases)
    if options.data is not None:
        names = options.brains or LABELLED
        brains = list(find_brains(options.data, names, lambda line: print(line, file=sys.stderr)))
        yield from simulated_trials(brains, quick=options.quick, seeds=options.seeds)
