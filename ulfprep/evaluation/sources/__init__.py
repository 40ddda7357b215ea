"""Where evaluations get their brains and scans from."""

from ulfprep.evaluation.sources.brain import Brain
from ulfprep.evaluation.sources.find import find_brains
from ulfprep.evaluation.sources.pairs import find_pairs

__all__ = ['Brain', 'find_brains', 'find_pairs']
