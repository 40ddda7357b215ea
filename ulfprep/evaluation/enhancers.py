"""All methods of enhancement by name, ``BASE[:alone][:told][:oracle][@N]``, and how one is run.

All are given the same: what :func:`ulfprep.evaluation.prepare.prepare` found in the scan.
"""

from dataclasses import dataclass, replace

from ulfprep.evaluation import baselines
from ulfprep.evaluation.prepare import Enhanced, Prepared
from ulfprep.evaluation.process import measured
from ulfprep.inr.options import BACKBONES, FitOptions
from ulfprep.physics.grid import isotropic_grid
from ulfprep.physics.inverse import edge_preserving_inverse

#: Ulfprep as it comes: no network is trained on the scan.
DEFAULT = 'ulfprep'
#: What may follow the name of a method, and what it says of it.
VARIANTS = {
    'alone': 'without the first estimate',
    'told': "told the subject's own high-field contrasts",
    'oracle': 'given the true tissues',
}
#: Name -> method that knows nothing of tissues, and what it is.
BLIND = {
    'nearest': (baselines.splines(0), 'Nearest voxel of the scan'),
    'trilinear': (baselines.splines(1), 'Linear interpolation of the scan'),
    'bicubic': (baselines.cubic, 'Cubic interpolation of the scan'),
    'sinc': (baselines.windowed_sinc, 'Windowed sinc (Lanczos, five voxels) of the scan'),
    'histogram': (
        baselines.histogram_matching,
        'Bicubic, its histogram matched to the brain of a high-field template (MNI152)',
    ),
    'voxel-cg': (
        baselines.inverse(baselines.conjugate_gradients),
        'Voxel grid by conjugate gradients, smoothness by the discrepancy principle',
    ),
    'voxel-tv': (
        baselines.inverse(edge_preserving_inverse),
        'Voxel grid with total variation, weight by the discrepancy principle',
    ),
}
#: Networks that correct the first estimate, which alone is ulfprep as it comes.
NETWORKS = tuple(name for name, sizes in BACKBONES.items() if sizes.get('epochs') != 0)
#: Name -> what it is, of methods that are trained on the scan.
TRAINED = {
    'voxel-fit': "Voxel grid with ulfprep's forward model, loss and first estimate: a free number "
    'a voxel in the place of the network',
    'reference': "The reference's set-up: plain Gabor network, random points, no PSF, no first "
    'estimate',
    **{name: f'The field with the backbone {name}' for name in NETWORKS},
}
NAMES = (*BLIND, *TRAINED, DEFAULT)


@dataclass(frozen=True)
class Method:
    """A way to enhance a scan, its variants those of :data:`VARIANTS`."""

    name: str  # as it was written
    base: str  # of NAMES
    alone: bool = False
    told: bool = False
    oracle: bool = False
    effort: int | None = None  # passes over the brain (steps, of the reference set-up)

    @property
    def description(self) -> str:
        """What it is."""
        known = {name: text for name, (_, text) in BLIND.items()} | TRAINED
        words = [known.get(self.base, 'Ulfprep as it comes')]
        words += [text for word, text in VARIANTS.items() if getattr(self, word)]
        unit = 'steps' if self.base == 'reference' else 'passes'
        return ', '.join(words + ([f'{self.effort} {unit} at the most'] if self.effort else []))


def parse_method(name: str) -> Method:
    """Read the name of a method, such as ``ulfprep``, ``ulfprep:told`` or ``wire:alone@40``.

    Raises
    ------
    ValueError
        With one line if there is no such method, or it has no such variant or effort.
    """
    start, at, effort = name.partition('@')
    base, *variants = start.split(':')
    if base not in NAMES:
        raise ValueError(f'no such method: {name}; there are {", ".join(NAMES)}')
    if at and not (effort.isdigit() and int(effort)):
        raise ValueError(f'{name}: write NAME@N with a number, such as lattice@20')
    unknown = [word for word in variants if word not in VARIANTS]
    if unknown:
        known = ', '.join(f':{word}' for word in VARIANTS)
        raise ValueError(f'{name}: no variant :{unknown[0]}; there are {known}')
    if base in BLIND and variants:
        raise ValueError(f'{name}: {base} knows neither tissues nor contrasts')
    if base not in TRAINED and at:
        raise ValueError(f'{name}: {base} makes no passes')
    if base not in TRAINED and 'alone' in variants:
        raise ValueError(f'{name}: {base} is the first estimate itself')
    return Method(name, base, effort=int(effort) if at else None, **dict.fromkeys(variants, True))


@dataclass(frozen=True)
class Effort:
    """How much is put into every fit."""

    sloppy: bool = False  # poor but fast options
    steps: int = baselines.STEPS  # of the reference set-up, where the method does not say
    points: int = baselines.POINTS  # in each of these

    def options(self, method: Method | None = None) -> FitOptions:
        """Return the fit's options of a method; without one those of ulfprep as it comes."""
        make = FitOptions.sloppy if self.sloppy else FitOptions.default
        method = method or Method(DEFAULT, DEFAULT)
        base = make(method.base) if method.base in NETWORKS else make()
        if method.base == 'voxel-fit':
            whole = {'patience': 0, 'block_mm': baselines.WHOLE_BRAIN_MM}
            base = replace(base, epochs=baselines.VOXEL_EPOCHS, **whole)
        return replace(base, epochs=method.effort or base.epochs, first_estimate=not method.alone)


def fit_field(given: Prepared, options: FitOptions, seed: int = 0, **more):
    """Make ulfprep's field of a scan, a :class:`ulfprep.inr.fit.Fit`."""
    from ulfprep.inr import fit_scan

    return fit_scan(
        given.scan, given.mask, given.probs, given.grid, given.plan, options, seed=seed,
        lattice_probs=given.lattice_probs, **more,
    )  # fmt: skip


def enhance(name: str, given: Prepared, effort: Effort | None = None, seed: int = 0) -> Enhanced:
    """Run a method (:func:`parse_method`) and measure what it takes, loading libraries apart."""
    import ulfprep.inr  # noqa: F401 - not to be timed

    method, effort = parse_method(name), effort or Effort()
    options = effort.options(method)
    with measured() as cost:
        if method.base in BLIND:
            result = BLIND[method.base][0](given, options)
        elif method.base == 'reference':
            steps = method.effort or effort.steps
            result = baselines.reference(given, seed, steps=steps, points=effort.points)
        else:
            result = _field(given, options, seed, free=method.base == 'voxel-fit')
    return replace(result, cost=cost)


def _field(given, options, seed, free) -> Enhanced:
    """Make the field, or one of free voxels, and render it at 1 mm as the workflow does."""
    from ulfprep.inr import render

    build = {'build': baselines.VoxelField} if free else {}
    fit = fit_field(given, options, seed, **build)
    grid = isotropic_grid(given.grid)
    result = render(fit, grid)
    passes = len(fit.history['epoch']) if options.epochs else None
    return Enhanced(result.intensity, grid, result.probs, result.uncertainty, passes)
