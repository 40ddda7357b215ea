"""All figures of one scan: files in, SVG files out."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ulfprep.bids.files import write_text
from ulfprep.bids.write.derivatives import FIGURES
from ulfprep.reports.drawing import charts, pictures
from ulfprep.reports.drawing.bias import bias
from ulfprep.reports.drawing.change import change
from ulfprep.reports.drawing.disagreement import disagreement
from ulfprep.reports.drawing.histogram import histogram
from ulfprep.reports.drawing.loss import loss
from ulfprep.reports.drawing.simcheck import simcheck
from ulfprep.reports.drawing.style import figure_style, save_svg
from ulfprep.reports.drawing.thumbnail import thumbnail
from ulfprep.reports.drawing.volumes import load, sample_nearest

#: Files of volumes that :func:`plot_scan` takes, all optional but the scan. On the scan's own
#: grid: conformed input, bias-corrected image, bias field, brain mask, tissues (1 GM, 2 WM,
#: 3 CSF), what the network's anatomy leaves of the scan unexplained (in units of its s.d.),
#: residual (in units of the noise), share of each voxel that changed its tissue, its main move.
#: On the fine grid: cubic interpolation of the scan, enhanced image, its tissues, standard
#: deviation, entropy (bits) and claim. On a grid of its own: the simulated scan.
VOLUMES = (
    'scan', 'preproc', 'bias_field', 'brain_mask', 'dseg', 'disagreement', 'residual',
    'tissue_change', 'tissue_move', 'bicubic', 'enhanced', 'fine_dseg', 'uncertainty', 'entropy',
    'claim', 'simulated',
)  # fmt: skip


class Recipe(NamedTuple):
    """How one figure is drawn.

    Attributes
    ----------
    draw : callable
        Takes what there is of the scan, by name.
    needs : tuple of str
        What has to be there.
    dark : bool
        Whether its ground is dark.
    smooth : bool
        Whether its pixels may be interpolated.
    """

    draw: Callable[[dict], object]
    needs: tuple[str, ...]
    dark: bool = True
    smooth: bool = False


RECIPES = {
    'bias': Recipe(
        lambda v: bias(v['scan'], v['bias_field'], v['preproc'], v['brain_mask'], v['dseg']),
        ('preproc', 'bias_field'),
    ),
    'tissues': Recipe(lambda v: pictures.tissues(v['base'], v['brain_mask'], v['dseg']), ()),
    'disagreement': Recipe(
        lambda v: disagreement(v['base'], v['brain_mask'], v['disagreement']), ('disagreement',)
    ),
    'tissuechange': Recipe(
        lambda v: change(
            v['base'], v['brain_mask'], v['tissue_change'], v['tissue_move'], v['metrics']
        ),
        ('tissue_change', 'tissue_move'),
    ),
    'enhancement': Recipe(
        lambda v: pictures.enhancement(v['bicubic'], v['enhanced'], v['fine_dseg']),
        ('bicubic', 'enhanced'),
        smooth=True,
    ),
    'segmentation': Recipe(
        lambda v: pictures.segmentation(v['enhanced'], v['fine_dseg']),
        ('enhanced', 'fine_dseg'),
        smooth=True,
    ),
    'residual': Recipe(
        lambda v: pictures.residual(v['residual'], v['brain_mask'], v['metrics']), ('residual',)
    ),
    **{
        name: Recipe(
            lambda v, name=name: getattr(pictures, name)(v[name], v['enhanced'], v['fine_dseg']),
            (name, 'enhanced'),
            smooth=True,
        )
        for name in ('uncertainty', 'entropy', 'claim')
    },
    'simulated': Recipe(
        lambda v: pictures.simulated(v['base'], v['simulated'], v['dseg'], v['brain_mask']),
        ('simulated',),
    ),
    'loss': Recipe(lambda v: loss(v['fit']), ('history',), dark=False),
    'contrast': Recipe(lambda v: charts.contrast(v['plan'], v['metrics']), ('plan',), dark=False),
    'thumbnail': Recipe(lambda v: thumbnail(v['result'], v['result_mask'], v['labels']),
                        ('result', 'result_mask')),
    'histogram': Recipe(
        lambda v: histogram(
            v['base'], v['dseg'], v['result'], v['labels'], v['plan'], v['direction']
        ),
        ('plan', 'result', 'labels', 'dseg'),
        dark=False,
    ),
    'prediction': Recipe(
        lambda v: pictures.prediction(
            v['base'], v['residual'], v['brain_mask'], v['sigma'], v['dseg']
        ),
        ('residual', 'sigma'),
    ),
    'simcheck': Recipe(
        lambda v: simcheck(
            v['base'], v['dseg'], v['brain_mask'], v['simulated'], v['plan'], v['facts'],
            v['metrics'],
        ),
        ('facts', 'plan', 'simulated', 'dseg'),
        dark=False,
    ),
}  # fmt: skip


def plot_scan(
    out_prefix, *, direction, scan, plan=None, fit=None, metrics=None, facts=None, only=None,
    **volumes,
):  # fmt: skip
    """Draw every figure that the given files allow.

    Parameters
    ----------
    out_prefix : path-like
        Folder and entities of the scan, ``<out>/sub-01/figures/sub-01[_ses-A][_acq-x][_run-1]``;
        ``_desc-<name>.svg`` is appended. The folder is made.
    direction : str
        ``enhance`` (ULF->HF) or ``simulate`` (HF->ULF).
    scan : path-like
        NIfTI file of the conformed input.
    plan : ContrastPlan or None
    fit, metrics : dict or None
        ``history``, ``options`` and ``stopped`` of the fit; metrics of the scan. Numbers that
        figures print come from these and from the plan.
    facts : SimulationRecord or None
    only : collection of str or None
        Names of the figures to draw; ``None`` for all.
    **volumes : path-like or None
        The other NIfTI files of :data:`VOLUMES`.

    Returns
    -------
    dict of str to Path
        Figure name -> SVG file; figures whose inputs are ``None`` are left out.

    Raises
    ------
    ValueError
        Unknown direction.
    RuntimeError
        Naming the figures that could not be drawn, after all others were written.
    """
    if direction not in FIGURES:
        raise ValueError(f'direction is {direction!r}; it must be one of {", ".join(FIGURES)}')
    given = _given(dict.fromkeys(VOLUMES) | {'scan': scan} | volumes)
    given |= {'plan': plan, 'fit': fit or {}, 'metrics': metrics or {}}
    given |= {'facts': facts, 'direction': direction}
    given |= {'history': given['fit'].get('history'), 'sigma': plan and plan.noise_sigma}
    written, failed = {}, {}
    for name, recipe in RECIPES.items():
        missing = any(given[need] is None or given[need] == {} for need in recipe.needs)
        if missing or (only is not None and name not in only):
            continue
        path = Path(f'{out_prefix}_desc-{name}.svg')
        try:
            with figure_style(dark=recipe.dark):
                figure = recipe.draw(given)
                text = isinstance(figure, str)
                written[name] = (
                    write_text(path, figure) if text else save_svg(figure, path, recipe.smooth)
                )
        except Exception as error:  # noqa: BLE001 - reported below, after the other figures
            failed[name] = error
    if failed:
        first = next(iter(failed.values()))
        problems = '; '.join(f'{name}: {error}' for name, error in failed.items())
        raise RuntimeError(f'{out_prefix}: could not draw {problems}') from first
    return written


def _given(files):
    """Return the volumes of files, and what is the base and the result of the figures."""
    if unknown := set(files) - set(VOLUMES):
        raise TypeError(f'plot_scan takes no {", ".join(sorted(unknown))}')
    v = {name: load(path) for name, path in files.items()}
    if v['brain_mask'] is None:
        # Without a mask the whole volume is looked at: better than no picture of why.
        everything = np.ones(v['scan'].data.shape, np.uint8)
        v['brain_mask'] = v['scan']._replace(data=everything)
    v['base'] = v['scan'] if v['preproc'] is None else v['preproc']
    v['result'], v['labels'] = v['enhanced'], v['fine_dseg']
    if v['simulated'] is not None:
        v['result'] = v['simulated']
        v['labels'] = None if v['dseg'] is None else sample_nearest(v['dseg'], v['simulated'])
    mask = v['brain_mask']
    if v['labels'] is not None:
        mask = v['labels']._replace(data=(v['labels'].data > 0).astype(np.uint8))
    same = v['result'] is not None and mask.data.shape == v['result'].data.shape
    return v | {'result_mask': mask if same else None}
