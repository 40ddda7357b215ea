"""The group level's averages in template spaces: mean, variance and number of enhanced images."""

import os
import sys
import tempfile
from pathlib import Path

from ulfprep.settings import MODALITIES, Settings


def averages(settings: Settings, outcomes: list) -> list[tuple[str, str]]:
    """Write the averages of ``--output-spaces``; return a caption and an SVG picture of each."""
    if not settings.output_spaces:
        return []
    from ulfprep.reports.drawing.average import average_figures

    written = run_averages(settings, outcomes)
    with tempfile.TemporaryDirectory() as folder:
        # Where matplotlib keeps what it finds out about fonts; not in the user's home.
        os.environ.setdefault('MPLCONFIGDIR', folder)
        try:
            return average_figures(written)
        finally:
            if os.environ['MPLCONFIGDIR'] == folder:
                del os.environ['MPLCONFIGDIR']


def run_averages(settings: Settings, outcomes: list) -> list[Path]:
    """Average the enhanced images of an output folder in the spaces of ``--output-spaces``.

    A template that is not at hand costs its averages alone: a line says what is missing.

    Parameters
    ----------
    settings : Settings
        Only ``output_dir`` and ``output_spaces`` are used.
    outcomes : list of Outcome
        What became of the scans (:mod:`ulfprep.bids.store.outcomes`).

    Returns
    -------
    list of Path
        Mean images that were written; variance, count and sidecars lie beside each.
    """
    from ulfprep.bids.templates import NoTemplateError, find_template
    from ulfprep.workflows.average import average_in

    written = []
    for space in settings.output_spaces:
        try:
            template = find_template(space)
            for modality in MODALITIES:
                path, left_out = average_in(settings.output_dir, template, modality, outcomes)
                for name, reason in left_out:
                    print(f'ulfprep: {name}: not in the average: {reason}', file=sys.stderr)
                if path:
                    print(f'average of the enhanced {modality} images: {path}', file=sys.stderr)
                    written.append(path)
        except NoTemplateError as error:
            print(f'ulfprep: --output-spaces {space}: skipped: {error}', file=sys.stderr)
    return written
