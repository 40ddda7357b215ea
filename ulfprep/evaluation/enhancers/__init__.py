"""Ways to make a high-field-like 1 mm image of one low-field scan: ulfprep's and others'."""

from ulfprep.evaluation.enhancers.method import DEFAULT, Effort, Method, parse_method
from ulfprep.evaluation.enhancers.registry import (
    TOOLS,
    base_names,
    check_method,
    describe,
    enhance,
    is_fit,
    missing,
)
from ulfprep.evaluation.enhancers.result import Enhanced

__all__ = [
    'DEFAULT',
    'TOOLS',
    'Effort',
    'Enhanced',
    'Method',
    'base_names',
    'check_method',
    'describe',
    'enhance',
    'is_fit',
    'missing',
    'parse_method',
]
