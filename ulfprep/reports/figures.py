"""All figures of one scan: files in, SVG files out."""

import json
from collections.abc import Mapping
from pathlib import Path


def plot_scan(
    out_prefix,
    *,
    direction,
    scan,
    preproc=None,
    bias_field=None,
    brain_mask=None,
    dseg=None,
    bicubic=None,
    enhanced=None,
    fine_dseg=None,
    residual=None,
    uncertainty=None,
    plan=None,
    history=None,
    metrics=None,
    simulated=None,
):
    """Draw every figure that the given files allow.

    Parameters
    ----------
    out_prefix : path-like
        Folder and entities of the scan, ``<out>/sub-01/figures/sub-01[_ses-A][_acq-x][_run-1]``;
        ``_desc-<name>_T1w.svg`` is appended. The folder is made.
    direction : str
        ``enhance`` (ULF->HF) or ``simulate`` (HF->ULF).
    scan, preproc, bias_field, brain_mask, dseg : path-like or None
        NIfTI files on the scan's own grid: conformed input, bias-corrected image,
        estimated bias field, brain mask, tissues (1 GM, 2 WM, 3 CSF).
    bicubic, enhanced, fine_dseg, uncertainty : path-like or None
        NIfTI files on the fine grid: cubic interpolation of the scan, enhanced image,
        its tissues, standard deviation in the units of the enhanced image.
    residual : path-like or None
        Data-consistency residual on the scan's grid, units of the noise sigma.
    plan, history, metrics : mapping, path-like to JSON, or None
        Contrast plan, loss curves of the fit, metrics of the scan.
    simulated : path-like or None
        Simulated scan (direction ``simulate``) on its own grid.

    Returns
    -------
    dict of str to Path
        Figure name -> SVG file; names of figures whose inputs are ``None`` are left out.

    Raises
    ------
    RuntimeError
        Naming the figures that could not be drawn, after all others were written.
    """
    raise NotImplementedError
