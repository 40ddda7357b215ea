"""Names of methods, and what they ask for: ``BASE[:alone][:told][:oracle][@N]``."""

from dataclasses import dataclass, replace

#: Ulfprep with its default network, whichever that is.
DEFAULT = 'ulfprep'
#: What may follow the name of a fit, and what it says of it.
VARIANTS = {
    'alone': 'without the first estimate',
    'told': "told the subject's own high-field contrasts",
    'oracle': 'given the true tissues',
}


@dataclass(frozen=True)
class Method:
    """A way to enhance a scan.

    Attributes
    ----------
    name : str
        As it was written.
    base : str
        What it is, of :func:`ulfprep.evaluation.enhancers.base_names`.
    alone, told, oracle : bool
        See :data:`VARIANTS`.
    effort : int or None
        Passes over the brain (steps, of the reference set-up); the usual ones without.
    """

    name: str
    base: str
    alone: bool = False
    told: bool = False
    oracle: bool = False
    effort: int | None = None

    @property
    def preparation(self) -> tuple[str, bool]:
        """Target and origin of the tissues (true ones or not) that it has to be given."""
        return ('truth' if self.told else 'physics', self.oracle)


def parse_method(name: str) -> Method:
    """Read the name of a method.

    Parameters
    ----------
    name : str
        ``ulfprep``, ``bicubic``, ``wire:alone@40``, ``ulfprep:told`` ...

    Returns
    -------
    Method

    Raises
    ------
    ValueError
        If the effort is no number, or a variant is not one of :data:`VARIANTS`.
    """
    start, at, effort = name.partition('@')
    if at and not (effort.isdigit() and int(effort)):
        raise ValueError(f'{name}: write NAME@N with a number, such as lattice@20')
    base, *variants = start.split(':')
    unknown = [word for word in variants if word not in VARIANTS]
    if unknown:
        known = ', '.join(f':{word}' for word in VARIANTS)
        raise ValueError(f'{name}: no variant :{unknown[0]}; there are {known}')
    return Method(name, base, effort=int(effort) if at else None, **dict.fromkeys(variants, True))


@dataclass(frozen=True)
class Effort:
    """How much is put into every fit.

    Attributes
    ----------
    sloppy : bool
        Poor but fast options.
    epochs : int, optional
        Passes over the brain, where a method does not say; the usual ones without.
    spacing : float, optional
        Of the lattice of fit and tissues, mm; the usual one without.
    steps, points : int
        Of the reference set-up: steps, where the method does not say, and points a step.
    """

    sloppy: bool = False
    epochs: int | None = None
    spacing: float | None = None
    steps: int = 15000
    points: int = 36864

    def options(self, method: Method | None = None):
        """Return the fit's options of a method; without one those of the default."""
        from ulfprep.inr.options import BACKBONES, FitOptions

        make = FitOptions.sloppy if self.sloppy else FitOptions.default
        named = method is not None and method.base in BACKBONES
        base = make(method.base) if named else make()
        # Where there is nothing to train, no effort makes passes.
        epochs = base.epochs and ((method and method.effort) or self.epochs or base.epochs)
        spacing = self.spacing or base.spacing
        start = not (method and method.alone)
        return replace(base, epochs=epochs, spacing=spacing, first_estimate=start)
