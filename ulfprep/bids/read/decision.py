"""What is to be done with a scan, by its sidecar and the settings."""

from dataclasses import dataclass

from ulfprep.bids.names import path_of_name
from ulfprep.bids.read.acquisition import (
    acquisition_note,
    field_of,
    field_strength,
    resolve_direction,
)
from ulfprep.bids.read.nifti import UnusableScanError
from ulfprep.bids.read.scan import Scan
from ulfprep.physics.relaxation import read_table
from ulfprep.physics.source_sequence import SourceSequence, source_sequence
from ulfprep.settings import Settings


def sequence_of(scan: Scan, settings: Settings) -> SourceSequence:
    """Decide which sequence a scan was made with, and how bright its tissues should be.

    Of a reference scan the field need not be known; their order, which is what is used,
    hardly depends on it.
    """
    field = settings.source_field or field_of(scan.metadata) or settings.target_field or 3.0
    table = read_table(settings.relaxation.value if settings.relaxation else ())
    stated = settings.source_sequence.value if settings.source_sequence else None
    return source_sequence(scan.metadata, float(field), scan.suffix, table, stated)


def expected_of(scan: Scan, settings: Settings) -> list[float]:
    """Return the signals of CSF, GM and WM that a scan should show, relative to WM."""
    return list(sequence_of(scan, settings).signals)


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
        path_of_name(scan.entities, scan.suffix, '.json')
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
