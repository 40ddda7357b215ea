"""Where evaluations get their brains and scans from."""

from ulfprep.evaluation.sources.brain import Brain
from ulfprep.evaluation.sources.find import count_brains, find_brains
from ulfprep.evaluation.sources.pairs import count_pairs, find_pairs

__all__ = ['Brain', 'count_brains', 'count_pairs', 'find_brains', 'find_pairs']
