"""What is to be done with a scan, by its sidecar and the settings."""

from dataclasses import dataclass

from ulfprep.bids.acquisition import acquisition_note, field_strength, resolve_direction
from ulfprep.bids.checks import UnusableScanError
from ulfprep.bids.dataset import Scan
from ulfprep.bids.derivatives import QC, path_of
from ulfprep.bids.expected import sequence_of
from ulfprep.settings import Settings


@dataclass(frozen=True)
class Decision:
    """What is to be done with a scan.

    Attributes
    ----------
    direction : {'enhance', 'simulate'}
    source_field, target_field : float
        Tesla.
    notes : tuple of str
        What was decided, a sentence each.
    """

    direction: str
    source_field: float
    target_field: float
    notes: tuple[str, ...]


def decide(scan: Scan, settings: Settings) -> Decision:
    """Decide what to do with a scan; nothing of its image is read.

    Raises
    ------
    UnusableScanError
        If it has a problem that is known already, if its field strength is unknown or already
        the target, if its name has entities that no derivative name can be made of, or if the
        user's own sequence leaves no signal.
    """
    if scan.problem:
        raise UnusableScanError(scan.problem)
    source, note = field_strength(scan.metadata, settings.source_field, scan.path.name)
    direction, target = resolve_direction(source, settings.target_field, scan.path.name)
    asked = 'the default' if settings.target_field is None else 'as asked with --target-field'
    try:
        # No names for its outputs, or timings without signal: better known now than later.
        path_of(scan, QC)
        sequence = sequence_of(scan, settings)
    except (ValueError, ArithmeticError) as error:
        text = str(error)
        named = text if scan.path.name in text else f'{scan.path.name}: {text}'
        raise UnusableScanError(named) from error
    told = f'Target field strength {target:g} T, {asked}: direction {direction}.'
    doubts = (f'Warning: {text}' for text in sequence.contradictions)
    return Decision(
        direction,
        source,
        target,
        (note, told, *acquisition_note(scan.metadata), *scan.remarks, *doubts),
    )
