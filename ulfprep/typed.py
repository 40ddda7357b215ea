"""Records from their JSON: values of the types that a dataclass states."""

from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import cache
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints


def read_as(kind: Any, value: Any) -> Any:
    """Return a value of JSON as what it should be.

    The kind is a dataclass, of whose fields none may be missing; ``tuple[X, ...]``,
    ``dict[str, X]``, ``X | None``, ``Any``, or a plain type. A number may be null: it was not
    finite.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is not that.
    """
    origin, parts = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin is UnionType:
        return None if value is None else read_as(parts[0], value)
    if isinstance(kind, type) and is_dataclass(kind) and isinstance(value, Mapping):
        hints = _hints_of(kind)
        return kind(**{name: read_as(one, value[name]) for name, one in hints.items()})
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(read_as(parts[0], item) for item in value)
    if origin is dict and isinstance(value, Mapping):
        return {name: read_as(parts[1], item) for name, item in value.items()}
    if kind is float and isinstance(value, int | None):
        return value
    if origin is None and isinstance(value, kind):
        return value
    raise TypeError(f'{value!r:.60} is not of type {kind}')


@cache
def _hints_of(kind: type) -> dict[str, Any]:
    """Return the types of a dataclass's fields; a group level asks thousands of times."""
    return get_type_hints(kind)
