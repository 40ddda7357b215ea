"""``python -m ulfprep.evaluation uncertainty``: does the stated uncertainty cover the truth?"""

import argparse
import sys

import numpy as np

from ulfprep.evaluation.brains import LABELLED
from ulfprep.evaluation.enhancers import Effort, fit_field
from ulfprep.evaluation.phantoms import Trial, gather
from ulfprep.evaluation.prepare import prepare
from ulfprep.evaluation.process import measured
from ulfprep.evaluation.publish import columns_of, table_text
from ulfprep.evaluation.score import coverage, truth_at_target
from ulfprep.evaluation.segmentation import add_scans

#: Of what is printed.
COLUMNS = columns_of('uncertainty')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    add_scans(parser, seeds=1)
    parser.add_argument('--brains', nargs='+', choices=LABELLED, help='of those in --data')
    parser.add_argument('--sloppy', action='store_true', help='fit fast and poorly')


def run(options, argv) -> int:
    """Run the command: a TSV on the terminal, a row a scan."""
    print('\t'.join(COLUMNS))

    def say(line):
        print(line, file=sys.stderr)

    for trial in gather(options, say, options.brains or LABELLED, high_field=False):
        row = run_trial(trial, Effort(sloppy=options.sloppy))
        print(table_text([row], COLUMNS, head=False), end='', flush=True)
    return 0


def run_trial(trial: Trial, effort: Effort) -> dict:
    """Enhance a scan, and hold its uncertainty against the error: keys of :data:`COLUMNS`.

    Errors and s.d. are relative to the target's white matter.
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
        **trial.identity, **coverage(error, sd),
        'rms_error': float(np.sqrt(np.mean(error**2))), 'mean_sd': float(sd.mean()),
        'mean_claim': float(result.claim[brain].mean()),
        'mean_entropy': float(result.entropy[brain].mean()),
        'fit_cpu': fitting.cpu, 'render_cpu': rendering.cpu,
    }  # fmt: skip
