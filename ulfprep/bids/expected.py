"""How bright the tissues of a scan should be, by its sidecar."""

from ulfprep.bids.acquisition import field_of
from ulfprep.bids.dataset import Scan
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
