"""The evaluation is an extra of the installation: nothing else knows of it."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import ulfprep
from ulfprep.evaluation.__main__ import main

PACKAGE = Path(ulfprep.__file__).parent
#: What the evaluation alone needs: its extra, by the names they are imported by.
EXTRA = {'statsmodels', 'tabulate', 'sklearn', 'ants', 'dipy'}


def imported(path):
    """Names of the modules that a file imports anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ''
            yield from (f'{node.module}.{alias.name}' for alias in node.names)


def test_nothing_outside_imports_the_evaluation_or_what_its_extra_brings():
    for path in PACKAGE.rglob('*.py'):
        if 'evaluation' in path.relative_to(PACKAGE).parts:
            continue
        for name in imported(path):
            assert not name.startswith('ulfprep.evaluation'), path
            assert name.partition('.')[0] not in EXTRA, path


def test_the_extra_is_stated_and_the_tests_bring_it():
    project = tomllib.loads((PACKAGE.parent / 'pyproject.toml').read_text(encoding='utf-8'))
    extras = project['project']['optional-dependencies']
    stated = {line.split()[0] for line in extras['evaluation']}
    assert {'statsmodels', 'tabulate', 'scikit-learn'} <= stated
    assert 'ulfprep[evaluation]' in extras['test']


def test_without_the_extra_the_command_says_how_to_get_it(monkeypatch, capsys, tmp_path):
    for name in [n for n in sys.modules if n.startswith(('statsmodels', 'ulfprep.evaluation.'))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, 'statsmodels', None)
    assert main(['tables', '--data', str(tmp_path), '--out', str(tmp_path)]) == 1
    assert "pip install 'ulfprep[evaluation]'" in capsys.readouterr().err


def test_the_file_that_every_process_imports_brings_nothing_heavy():
    code = 'import sys, ulfprep.evaluation.__main__, ulfprep.evaluation.process; '
    code += 'print({"numpy", "pandas", "torch", "matplotlib"} & set(sys.modules))'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout == 'set()\n'
