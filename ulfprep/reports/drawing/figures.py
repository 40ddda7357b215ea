"""All figures of one scan: files in, SVG files out."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from ulfprep.bids.files import write_text
from ulfprep.bids.write.figures import FIGURES
from ulfprep.reports.drawing import charts, pictures
from ulfprep.reports.drawing.bias import bias
from ulfprep.reports.drawing.change import change
from ulfprep.reports.drawing.disagreement import disagreement as disagreeing
from ulfprep.reports.drawing.histogram import histogram
from ulfprep.reports.drawing.loss import loss
from ulfprep.reports.drawing.prediction import prediction
from ulfprep.reports.drawing.simcheck import simcheck
from ulfprep.reports.drawing.style import figure_style, save_svg
from ulfprep.reports.drawing.thumbnail import thumbnail
from ulfprep.reports.drawing.volumes import load, sample_nearest


def plot_scan(
    out_prefix,
    *,
    direction,
    scan,
    preproc=None,
    bias_field=None,
    brain_mask=None,
    dseg=None,
    disagreement=None,
    bicubic=None,
    enhanced=None,
    fine_dseg=None,
    residual=None,
    uncertainty=None,
    entropy=None,
    claim=None,
    tissue_change=None,
    tissue_move=None,
    plan=None,
    fit=None,
    metrics=None,
    simulated=None,
    facts=None,
    only=None,
):
    """Draw every figure that the given files allow.

    Parameters
    ----------
    out_prefix : path-like
        Folder and entities of the scan, ``<out>/sub-01/figures/sub-01[_ses-A][_acq-x][_run-1]``;
        ``_desc-<name>.svg`` is appended. The folder is made.
    direction : str
        ``enhance`` (ULF->HF) or ``simulate`` (HF->ULF).
    scan, preproc, bias_field, brain_mask, dseg : path-like or None
        NIfTI files on the scan's own grid: conformed input, bias-corrected image,
        estimated bias field, brain mask, tissues (1 GM, 2 WM, 3 CSF).
    bicubic, enhanced, fine_dseg, uncertainty, entropy, claim : path-like or None
        NIfTI files on the fine grid: cubic interpolation of the scan, enhanced image,
        its tissues, standard deviation in the units of the enhanced image, entropy of the
        tissues in bits, share of the local detail that the scan supports.
    disagreement : path-like or None
        What the anatomy of the network leaves of the scan unexplained, on the scan's grid, units
        of its standard deviation.
    residual : path-like or None
        Data-consistency residual on the scan's grid, units of the noise sigma.
    tissue_change, tissue_move : path-like or None
        On the scan's grid: share of each voxel that changed its tissue in the fit, and its
        main move (:attr:`ulfprep.metrics.tissue_change.TissueChange.main_move`).
    plan, fit, metrics : mapping, path-like to JSON, or None
        Contrast plan; ``history``, ``options`` and ``stopped`` of the fit; metrics of the scan.
        Numbers that figures print come from these.
    simulated : path-like or None
        Simulated scan (direction ``simulate``) on its own grid.
    facts : mapping or None
        How it was simulated, as the QC file says.
    only : collection of str or None
        Names of the figures to draw; ``None`` for all.

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
    files = {
        'scan': scan,
        'preproc': preproc,
        'field': bias_field,
        'mask': brain_mask,
        'dseg': dseg,
        'disagreement': disagreement,
        'bicubic': bicubic,
        'enhanced': enhanced,
        'fine_dseg': fine_dseg,
        'residual': residual,
        'uncertainty': uncertainty,
        'entropy': entropy,
        'claim': claim,
        'change': tissue_change,
        'move': tissue_move,
        'simulated': simulated,
    }
    volumes = {name: load(path) for name, path in files.items()}
    if volumes['mask'] is None:
        # Without a mask the whole volume is looked at: better than no picture of why.
        everything = np.ones(volumes['scan'].data.shape, np.uint8)
        volumes['mask'] = volumes['scan']._replace(data=everything)
    plan, fit, metrics = _mapping(plan), _mapping(fit), _mapping(metrics)

    recipes = _recipes(volumes, plan, fit, metrics)
    recipes |= _more_recipes(volumes, direction, plan, metrics, facts)
    written, failed = {}, {}
    for name, (draw, options) in recipes.items():
        if only is not None and name not in only:
            continue
        try:
            with figure_style(dark=options['dark']):
                figure = draw()
                path = Path(f'{out_prefix}_desc-{name}.svg')
                if isinstance(figure, str):
                    written[name] = write_text(path, figure)
                else:
                    written[name] = save_svg(figure, path, smooth=options['smooth'])
        except Exception as error:  # noqa: BLE001 - reported below, after the other figures
            failed[name] = error
    if failed:
        first = next(iter(failed.values()))
        problems = '; '.join(f'{name}: {error}' for name, error in failed.items())
        raise RuntimeError(f'{out_prefix}: could not draw {problems}') from first
    return written


_LOOK = {'dark': True, 'smooth': False}
_FINE = {'dark': True, 'smooth': True}
_LIGHT = {'dark': False, 'smooth': False}


def _more_recipes(v, direction, plan, metrics, facts):
    """Return the recipes of what is drawn of result and scan together; see :func:`_recipes`."""
    base = v['preproc'] if v['preproc'] is not None else v['scan']
    result, labels = _result(v)
    recipes = {}
    if result is not None:
        mask = v['mask'] if labels is None else _inside(labels)
        if mask.data.shape == result.data.shape:
            recipes['thumbnail'] = (lambda: thumbnail(result, mask, labels), _LOOK)
    if plan and labels is not None and v['dseg'] is not None:
        before = (base, v['dseg'])
        recipes['histogram'] = (
            lambda: histogram(*before, result, labels, plan, direction),
            _LIGHT,
        )
    sigma = plan.get('noise_sigma')
    if sigma and v['residual'] is not None:
        recipes['prediction'] = (
            lambda: prediction(base, v['residual'], v['mask'], sigma, v['dseg']),
            _LOOK,
        )
    if facts and plan and v['simulated'] is not None and v['dseg'] is not None:
        recipes['simcheck'] = (
            lambda: simcheck(base, v['dseg'], v['mask'], v['simulated'], plan, facts, metrics),
            _LIGHT,
        )
    return recipes


def _inside(labels):
    return labels._replace(data=(labels.data > 0).astype(np.uint8))


def _result(v):
    """Return the enhanced or simulated image and its tissues, each ``None`` where missing."""
    if v['simulated'] is None:
        return v['enhanced'], v['fine_dseg']
    dseg = v['dseg']
    return v['simulated'], None if dseg is None else sample_nearest(dseg, v['simulated'])


def _recipes(v, plan, fit, metrics):
    """Return name -> (function that draws, look) of the figures whose inputs exist."""
    look, fine, light = _LOOK, _FINE, _LIGHT
    base = v['preproc'] if v['preproc'] is not None else v['scan']

    def has(*names):
        return all(v[name] is not None for name in names)

    recipes = {}
    if has('preproc', 'field'):
        recipes['bias'] = (
            lambda: bias(v['scan'], v['field'], v['preproc'], v['mask'], v['dseg']),
            look,
        )
    recipes['tissues'] = (lambda: pictures.tissues(base, v['mask'], v['dseg']), look)
    if has('disagreement'):
        recipes['disagreement'] = (
            lambda: disagreeing(base, v['mask'], v['disagreement']),
            look,
        )
    if has('change', 'move'):
        recipes['tissuechange'] = (
            lambda: change(base, v['mask'], v['change'], v['move'], metrics),
            look,
        )
    if has('bicubic', 'enhanced'):
        recipes['enhancement'] = (
            lambda: pictures.enhancement(v['bicubic'], v['enhanced'], v['fine_dseg']),
            fine,
        )
    if has('enhanced', 'fine_dseg'):
        recipes['segmentation'] = (
            lambda: pictures.segmentation(v['enhanced'], v['fine_dseg']),
            fine,
        )
    if has('residual'):
        recipes['residual'] = (lambda: pictures.residual(v['residual'], v['mask'], metrics), look)
    for name in ('uncertainty', 'entropy', 'claim'):
        if has(name, 'enhanced'):
            draw = partial(getattr(pictures, name), v[name], v['enhanced'], v['fine_dseg'])
            recipes[name] = (draw, fine)
    if has('simulated'):
        recipes['simulated'] = (
            lambda: pictures.simulated(base, v['simulated'], v['dseg'], v['mask']),
            look,
        )
    if fit.get('history'):
        recipes['loss'] = (lambda: loss(fit), light)
    if plan:
        recipes['contrast'] = (lambda: charts.contrast(plan, metrics), light)
    return recipes


def _mapping(value):
    """Return a mapping given as such or as a JSON file; ``{}`` for ``None``."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return dict(value)
    return json.loads(Path(value).read_text(encoding='utf-8'))
