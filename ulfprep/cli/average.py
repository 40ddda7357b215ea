"""The group level's averages in template spaces: mean, variance and number of enhanced images."""

import sys
from pathlib import Path

from ulfprep.settings import MODALITIES, Settings


def run_averages(settings: Settings) -> list[Path]:
    """Average the enhanced images of an output folder in the spaces of ``--output-spaces``.

    A template that is not at hand costs its averages alone: a line says what is missing.

    Parameters
    ----------
    settings : Settings
        Only ``output_dir`` and ``output_spaces`` are used.

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
                path, left_out = average_in(settings.output_dir, template, modality)
                for name, reason in left_out:
                    print(f'ulfprep: {name}: not in the average: {reason}', file=sys.stderr)
                if path:
                    print(f'average of the enhanced {modality} images: {path}', file=sys.stderr)
                    written.append(path)
        except NoTemplateError as error:
            print(f'ulfprep: --output-spaces {space}: skipped: {error}', file=sys.stderr)
    return written
