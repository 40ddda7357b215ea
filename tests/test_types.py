"""Public functions of the typed rooms say what they take and return; mypy checks that it holds."""

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = tomllib.loads((ROOT / 'pyproject.toml').read_text())['tool']['mypy']['files']


def functions(body, method=False):
    """Yield public functions, and whether each is a method."""
    for node in body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith('_'):
            static = any(getattr(one, 'id', '') == 'staticmethod' for one in node.decorator_list)
            yield node, method and not static
        elif isinstance(node, ast.ClassDef) and not node.name.startswith('_'):
            yield from functions(node.body, method=True)


def untyped(path):
    for node, method in functions(ast.parse(path.read_text()).body):
        known = node.args
        arguments = [*known.posonlyargs, *known.args][method:] + known.kwonlyargs
        arguments += [one for one in (known.vararg, known.kwarg) if one]
        if node.returns is None or not all(one.annotation for one in arguments):
            yield f'{path.relative_to(ROOT)}:{node.lineno} {node.name}'


def test_every_public_function_is_typed():
    paths = [ROOT / room for room in ROOMS]
    files = [one for path in paths for one in ([path] if path.is_file() else path.rglob('*.py'))]
    assert ROOT / 'ulfprep/settings.py' in files
    assert [one for path in files for one in untyped(path)] == []
