"""Tissue labels as BIDS names and numbers them."""

from ulfprep.physics import TISSUES
from ulfprep.physics.labels import LABELS, to_dseg

__all__ = ['LOOKUP', 'TISSUES', 'lookup_table', 'to_dseg']

#: BIDS look-up: index, abbreviation, name, colour (HTML), as in the report.
LOOKUP = (
    (0, 'BG', 'Background', '#000000'),
    (LABELS['GM'], 'GM', 'Grey matter', '#F0A30A'),
    (LABELS['WM'], 'WM', 'White matter', '#D46BB8'),
    (LABELS['CSF'], 'CSF', 'Cerebrospinal fluid', '#4FB3E8'),
)


def lookup_table() -> str:
    """Return the BIDS look-up table (``dseg.tsv``)."""
    rows = ['index\tname\tabbreviation\tcolor']
    rows += [f'{index}\t{name}\t{short}\t{color}' for index, short, name, color in LOOKUP]
    return '\n'.join(rows) + '\n'
