"""All figures of one scan: files in, SVG files out."""

import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ulfprep.bids.write.derivatives import FIGURES
from ulfprep.reports.drawing import charts, maps, pictures
from ulfprep.reports.drawing.simcheck import simcheck
from ulfprep.reports.drawing.style import figure_style, save_svg
from ulfprep.reports.drawing.thumbnail import thumbnail
from ulfprep.reports.drawing.volumes import load, sample_nearest


class Recipe(NamedTuple):
    """How a figure is drawn, of what (what it cannot do without is marked), and how it looks."""

    draw: Callable
    given: str
    dark: bool = True
    smooth: bool = False


RECIPES = {
    'bias': Recipe(maps.bias, 'scan bias_field! preproc! brain_mask dseg'),
    'tissues': Recipe(pictures.tissues, 'base brain_mask dseg'),
    'disagreement': Recipe(maps.disagreement, 'base brain_mask disagreement!'),
    'tissuechange': Recipe(maps.change, 'base brain_mask tissue_change! tissue_move! metrics'),
    'enhancement': Recipe(pictures.enhancement, 'bicubic! enhanced! fine_dseg', smooth=True),
    'segmentation': Recipe(pictures.segmentation, 'enhanced! fine_dseg!', smooth=True),
    'residual': Recipe(pictures.residual, 'residual! brain_mask metrics'),
    'uncertainty': Recipe(pictures.uncertainty, 'uncertainty! enhanced! fine_dseg', smooth=True),
    'entropy': Recipe(pictures.entropy, 'entropy! enhanced! fine_dseg', smooth=True),
    'claim': Recipe(pictures.claim, 'claim! enhanced! fine_dseg', smooth=True),
    'simulated': Recipe(pictures.simulated, 'base simulated! dseg brain_mask'),
    'loss': Recipe(charts.loss, 'history! fit', dark=False),
    'contrast': Recipe(charts.contrast, 'plan! metrics', dark=False),
    'thumbnail': Recipe(thumbnail, 'result! result_mask! labels'),
    'histogram': Recipe(
        charts.histogram, 'base dseg! result! labels! plan! direction', dark=False
    ),
    'prediction': Recipe(pictures.prediction, 'base residual! brain_mask sigma! dseg'),
    'simcheck': Recipe(
        simcheck, 'base dseg! brain_mask simulated! plan! facts! metrics', dark=False
    ),
}


def plot_scan(
    out_prefix, *, direction, scan, plan=None, fit=None, metrics=None, facts=None, only=None,
    **volumes,
):  # fmt: skip
    """Draw every figure that the given files allow.

    Parameters
    ----------
    out_prefix : path-like
        Folder and beginning of the names; ``_desc-<name>.svg`` is appended. The folder is made.
    direction : {'enhance', 'simulate'}
    scan : path-like
        NIfTI file of the conformed input.
    plan, fit, metrics, facts : ContrastPlan, dict, dict, SimulationRecord, optional
        Of the record (``facts``: of the simulation); numbers that figures print come from these.
    only : collection of str, optional
        Names of the figures to draw; all without.
    **volumes : path-like or None
        NIfTI files. On the scan's own grid: ``preproc`` (without bias field), ``bias_field``,
        ``brain_mask``, ``dseg`` (1 GM, 2 WM, 3 CSF), ``disagreement`` (what the network's anatomy
        leaves unexplained), ``residual`` (in units of the noise), ``tissue_change`` (share of
        each voxel), ``tissue_move``. On the fine grid: ``bicubic``, ``enhanced``, ``fine_dseg``,
        ``uncertainty`` (standard deviation), ``entropy`` (bits), ``claim``. On its own:
        ``simulated``.

    Returns
    -------
    dict of str to Path
        Figure name -> SVG file; figures whose inputs are ``None`` are left out.

    Raises
    ------
    RuntimeError
        Naming the figures that could not be drawn, after all others were written.
    """
    if direction not in FIGURES:
        raise ValueError(f'direction is {direction!r}; it must be one of {", ".join(FIGURES)}')
    given = _volumes({'scan': scan} | volumes) | {
        'plan': plan,
        'sigma': plan and plan.noise_sigma,
        'fit': fit or {},
        'history': (fit or {}).get('history'),
        'metrics': metrics or {},
        'facts': facts,
        'direction': direction,
    }
    written, failed = {}, {}
    for name, recipe in RECIPES.items():
        needed = re.findall(r'(\w+)!', recipe.given)
        missing = any(given[need] is None or given[need] == {} for need in needed)
        if missing or (only is not None and name not in only):
            continue
        path = Path(f'{out_prefix}_desc-{name}.svg')
        try:
            with figure_style(dark=recipe.dark):
                figure = recipe.draw(*(given[what] for what in re.findall(r'\w+', recipe.given)))
                written[name] = save_svg(figure, path, recipe.smooth)
        except Exception as error:  # noqa: BLE001 - reported below, after the other figures
            failed[name] = error
    if failed:
        first = next(iter(failed.values()))
        problems = '; '.join(f'{name}: {error}' for name, error in failed.items())
        raise RuntimeError(f'{out_prefix}: could not draw {problems}') from first
    return written


def _volumes(files):
    """Return the volumes of files, and what is the base and the result of the figures."""
    v = defaultdict(lambda: None, {name: load(path) for name, path in files.items()})
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
