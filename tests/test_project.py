"""Metadata, workflows, texts and rooms of the project agree with each other."""

import ast
import importlib.util
import re
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / '.github'
WORKFLOWS = sorted((GITHUB / 'workflows').glob('*.yml'))
TEXTS = [ROOT / 'README.md', ROOT / 'CHANGES.md', GITHUB / 'CONTRIBUTING.md']
TEXTS += [ROOT / 'tests/README.md', *sorted((ROOT / 'docs').glob('*.md'))]
PROJECT = tomllib.loads((ROOT / 'pyproject.toml').read_text('utf-8'))['project']


@pytest.fixture(scope='module')
def release():
    """The script that the release workflow calls."""
    spec = importlib.util.spec_from_file_location('release', GITHUB / 'release.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path):
    """Return a function that writes a project that states given versions and dates."""

    def write(version='1.2.0', changes='1.2.0 (2027-01-31)', cited='1.2.0', date='2027-01-31'):
        (tmp_path / 'pyproject.toml').write_text(f'[project]\nversion = "{version}"\n')
        (tmp_path / 'CHANGES.md').write_text(
            f'# Changes\n\n## {changes}\n\n- new\n\n## 1.1.0 (2026-12-24)\n\n- old\n'
        )
        (tmp_path / 'CITATION.cff').write_text(f'version: {cited}\ndate-released: {date}\n')
        return tmp_path

    return write


def steps(workflow):
    for job in yaml.safe_load(workflow.read_text('utf-8'))['jobs'].values():
        yield from job.get('steps', [])


def test_one_version_is_stated_everywhere(release):
    import ulfprep

    newest = next(iter(release.sections()))
    assert release.cited()[0] == newest == release.version() == PROJECT['version']
    assert ulfprep.__version__ == PROJECT['version']


def test_the_notes_of_a_release_are_its_section_of_the_changes(release, project):
    assert release.notes('v1.2.0', project()) == '- new'


@pytest.mark.parametrize(
    ('stated', 'named'),
    [
        ({'version': '1.3.0'}, 'pyproject.toml'),
        ({'changes': '1.2.0 (unreleased)'}, 'CHANGES.md'),
        ({'changes': '1.1.9 (2027-01-31)'}, 'CHANGES.md'),
        ({'cited': '1.1.0'}, 'CITATION.cff'),
        ({'date': '2027-01-30'}, 'CITATION.cff'),
    ],
)
def test_a_tag_is_refused_where_versions_differ(release, project, stated, named):
    with pytest.raises(ValueError, match=named):
        release.notes('v1.2.0', project(**stated))


def test_every_python_that_is_promised_is_tested():
    promised = [c.split(' :: ')[-1] for c in PROJECT['classifiers'] if ':: Python :: 3.' in c]
    jobs = yaml.safe_load((GITHUB / 'workflows/tests.yml').read_text('utf-8'))['jobs']
    assert jobs['test']['strategy']['matrix']['python'] == promised
    assert PROJECT['requires-python'] == f'>={promised[0]}'


def test_one_release_of_torch_is_named_everywhere():
    places = [ROOT / 'Dockerfile', ROOT / '.ci/run', *TEXTS, *WORKFLOWS]
    number = re.compile(r'(?:\btorch==|ARG TORCH=)(\d[\d.]*\d)')
    named = {found for place in places for found in number.findall(place.read_text('utf-8'))}
    assert len(named) == 1, named


def test_an_image_that_is_told_no_version_states_this_one():
    stated = re.findall(r'^ARG VERSION=(\S+)', (ROOT / 'Dockerfile').read_text('utf-8'), re.M)
    assert set(stated) <= {PROJECT['version']}


@pytest.mark.parametrize('workflow', WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_may_do_little_and_run_what_was_pinned(workflow):
    content = yaml.safe_load(workflow.read_text('utf-8'))
    assert content['permissions'] == {'contents': 'read'}
    for name, job in content['jobs'].items():
        called = job.get('uses', '').startswith('./')
        assert called or job['timeout-minutes'] <= 75, name
    for line in re.findall(r'uses:\s*(.*)', workflow.read_text('utf-8')):
        assert line.startswith('./') or re.fullmatch(
            r'[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+', line
        )
    for step in steps(workflow):
        if step.get('uses', '').startswith('actions/checkout@'):
            assert step['with'] == {'persist-credentials': False}


def test_an_action_has_one_version():
    pins = {}
    for workflow in WORKFLOWS:
        for step in steps(workflow):
            name, _, commit = step.get('uses', '').partition('@')
            pins.setdefault(name, set()).add(commit)
    assert all(len(commits) == 1 for commits in pins.values()), pins


def test_workflows_know_no_secret_and_let_no_text_of_others_into_commands():
    for workflow in WORKFLOWS:
        secrets = set(re.findall(r'secrets\.(\w+)', workflow.read_text('utf-8')))
        assert secrets <= {'GITHUB_TOKEN'}, workflow.name
        for step in steps(workflow):
            assert '${{' not in step.get('run', ''), f'{workflow.name}: pass it by env'


def test_files_that_workflows_call_exist():
    for workflow in WORKFLOWS:
        for name in re.findall(r'\.(?:ci|github)/[\w./-]+\w', workflow.read_text('utf-8')):
            assert (ROOT / name).exists(), f'{workflow.name}: {name}'


@pytest.mark.parametrize('text', TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_texts_name_exist(text):
    words = re.sub(r'```.*?```', '', text.read_text('utf-8'), flags=re.DOTALL)
    for link in re.findall(r'\]\(([^)\s]+)\)', words):
        name, _, anchor = link.partition('#')
        if '://' in link:
            continue
        target = text.parent / name if name else text
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link
    for name in re.findall(r'`((?:ulfprep|tests|docs|\.ci|\.github)/[\w./-]+\w)`', words):
        assert (ROOT / name).exists(), name


def _anchors(path):
    """The names that headings of a page can be linked by."""
    headings = re.findall(r'^#+ (.*)$', path.read_text('utf-8'), re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}


def test_forms_warn_of_what_is_public_and_ask_for_the_version():
    for name in ('bug_report', 'wrong_result'):
        form = yaml.safe_load((GITHUB / f'ISSUE_TEMPLATE/{name}.yml').read_text('utf-8'))
        first = form['body'][0]
        assert first['type'] == 'markdown'
        assert 'public' in first['attributes']['value']
        asked = {field.get('id'): field.get('validations', {}) for field in form['body']}
        assert asked['version'] == asked['command'] == {'required': True}


def test_the_lock_file_fits_what_the_package_asks_for():
    """The image installs nothing older than pyproject allows, and everything by its hash."""
    text = (ROOT / 'requirements.lock').read_text()
    locked = dict(re.findall(r'^([a-z0-9._-]+)==(\S+)', text, re.MULTILINE))
    asked = [Requirement(text) for text in PROJECT['dependencies']]
    for requirement in asked:
        if requirement.name != 'torch':  # comes beside it, by the Dockerfile
            assert locked[canonicalize_name(requirement.name)] in requirement.specifier
    torch = re.search(r'^ARG TORCH=(\S+)', (ROOT / 'Dockerfile').read_text(), re.MULTILINE)
    assert torch[1] in next(r for r in asked if r.name == 'torch').specifier
    assert text.count('--hash=sha256:') >= len(locked) > 50


def test_no_files_of_a_room_import_each_other_in_a_circle():
    """Imports inside functions count: a circle that is hidden there is one all the same."""
    imports = {}
    for room in ('bids', 'interfaces', 'workflows', 'cluster', 'cli'):
        for path in (ROOT / 'ulfprep' / room).rglob('*.py'):
            name = '.'.join(path.relative_to(ROOT).with_suffix('').parts)
            nodes = ast.walk(ast.parse(path.read_text('utf-8')))
            imports[name] = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    assert len(imports) > 50
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the files
