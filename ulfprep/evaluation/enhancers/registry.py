"""All methods of enhancement by name, and how one is run and measured.

All are given the same: what :func:`ulfprep.evaluation.prepare.prepare` found in the scan.
"""

import shutil
from dataclasses import replace

from ulfprep.evaluation.enhancers import interpolate, voxels
from ulfprep.evaluation.enhancers.external import TOOLS, describe_tool, external
from ulfprep.evaluation.enhancers.field import field, free_voxels
from ulfprep.evaluation.enhancers.method import DEFAULT, VARIANTS, Effort, Method, parse_method
from ulfprep.evaluation.enhancers.result import Enhanced
from ulfprep.evaluation.fresh import measured
from ulfprep.evaluation.prepare import Prepared

#: Name -> method that knows nothing of tissues, and what it is.
BLIND = {
    'nearest': (interpolate.splines(0), 'Nearest voxel of the scan'),
    'trilinear': (interpolate.splines(1), 'Linear interpolation of the scan'),
    'bicubic': (interpolate.cubic, 'Cubic interpolation of the scan'),
    'sinc': (interpolate.windowed_sinc, 'Windowed sinc (Lanczos, five voxels) of the scan'),
    'histogram': (
        interpolate.histogram_matching,
        'Bicubic, its histogram matched to the brain of a high-field template (MNI152)',
    ),
    'voxel-cg': (
        voxels.inverse(voxels.conjugate_gradients),
        'Voxel grid by conjugate gradients, smoothness by the discrepancy principle',
    ),
    'voxel-tv': (
        voxels.inverse(voxels.total_variation),
        'Voxel grid with total variation, weight by the discrepancy principle',
    ),
}
#: Name -> method that is given tissues, and what it is; backbones are told by their own name.
SEEING = {
    'voxel-fit': (
        free_voxels,
        (
            "Voxel grid with ulfprep's forward model, loss and first estimate: a free number a "
            'voxel in the place of the network'
        ),
    ),
    'reference': (
        None,
        "The reference's set-up: plain Gabor network, random points, no PSF, no first estimate",
    ),
    DEFAULT: (field, 'Ulfprep as it comes'),
}


def base_names() -> tuple[str, ...]:
    """Return the names of all methods, without their variants."""
    from ulfprep.inr.options import BACKBONES

    return (*BLIND, *SEEING, *BACKBONES, *TOOLS)


def is_fit(method: Method) -> bool:
    """Whether a method fits passes over the brain: it has a seed, and an effort."""
    return method.base not in {*BLIND, *TOOLS, DEFAULT, 'direct'}


def check_method(name: str) -> Method:
    """Read a method's name; ``ValueError`` with one line if there is no such method."""
    method = parse_method(name)
    if method.base not in base_names():
        raise ValueError(f'no such method: {name}; there are {", ".join(base_names())}')
    if method.effort and not is_fit(method):
        raise ValueError(f'{name}: {method.base} makes no passes')
    if method.alone and not is_fit(method):
        raise ValueError(f'{name}: {method.base} is the first estimate itself')
    if method.base in {*BLIND, *TOOLS} and (method.told or method.oracle or method.alone):
        raise ValueError(f'{name}: {method.base} knows neither tissues nor contrasts')
    return method


def missing(method: Method) -> str:
    """Say how to install the program that a method needs; empty where nothing is missing."""
    tool = TOOLS.get(method.base)
    if tool is None or shutil.which(tool.program):
        return ''
    return f'not installed: {tool.program}; {tool.install}'


def describe(name: str) -> str:
    """Say what a method is."""
    method = parse_method(name)
    known = {**BLIND, **SEEING}
    if method.base in TOOLS:
        words = [describe_tool(TOOLS[method.base])]
    elif method.base in known:
        words = [known[method.base][1]]
    else:
        words = [f'The field with the backbone {method.base}']
    words += [text for word, text in VARIANTS.items() if getattr(method, word)]
    unit = 'steps' if method.base == 'reference' else 'passes'
    words += [f'{method.effort} {unit} at the most'] if method.effort else []
    return ', '.join(words)


def enhance(
    name: str, given: Prepared, effort: Effort | None = None, seed: int = 0, threads: int = 1
) -> Enhanced:
    """Run a method and measure what it takes, loading of libraries apart.

    Parameters
    ----------
    name : str
        See :func:`check_method`.
    given : Prepared
    effort : Effort, optional
    seed : int
    threads : int
        Of torch.

    Returns
    -------
    Enhanced

    Raises
    ------
    ValueError
        If there is no such method.
    NotInstalled, MethodFailed
        If an external program is missing, or made no image.
    """
    method, effort = check_method(name), effort or Effort()
    if method.base not in {*BLIND, *TOOLS}:
        import torch

        import ulfprep.inr  # noqa: F401 - not to be timed

        torch.set_num_threads(threads)
    with measured() as cost:
        result = _run(method, given, effort, seed)
    return replace(result, cost=cost)


def _run(method, given, effort, seed):
    options = effort.options(method)
    if method.base == 'reference':
        from ulfprep.evaluation.enhancers.reference import reference

        steps = method.effort or effort.steps
        return reference(given, seed, steps=steps, points=effort.points)
    if method.base in TOOLS:
        return external(TOOLS[method.base])(given, options, seed)
    if method.base == 'voxel-fit':
        asked = method.effort or effort.epochs or voxels.VOXEL_EPOCHS
        options = replace(options, epochs=asked, patience=0, block_mm=voxels.WHOLE_BRAIN_MM)
    known = {**BLIND, **SEEING}.get(method.base)
    return (known[0] if known else field)(given, options, seed)
