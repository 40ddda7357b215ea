"""Text files of any machine: byte order marks and line ends, wherever one is read."""

import json

import pytest

from ulfprep.bids.files import read_json, read_text
from ulfprep.bids.read.derived import label_numbers
from ulfprep.bids.read.sidecars import read_sidecar
from ulfprep.bids.read.validation import find_validator, validate
from ulfprep.bids.tables import read_groups, read_table
from ulfprep.bids.write.simulated import start_dataset
from ulfprep.cli import values
from ulfprep.cli.parser import build_parser, read_config
from ulfprep.cli.paths import check_dataset
from ulfprep.settings import Settings
from ulfprep.workflows.engine.plugin_file import read_plugin_file

MARKED = ['utf-8-sig', 'utf-16-le', 'utf-16-be', 'utf-32-le', 'utf-32-be']
LINES = 'participant_id\tsex\nsub-01\tmännlich\nsub-02\tF\n'


@pytest.fixture(params=MARKED)
def write(request, tmp_path):
    """Return a function that writes a file with a byte order mark, and returns its path."""

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        mark = '' if request.param == 'utf-8-sig' else '\ufeff'
        path.write_bytes((mark + text).encode(request.param))
        return path

    return write


@pytest.mark.parametrize('end', ['\n', '\r\n', '\r'])
def test_marks_and_line_ends_are_no_part_of_a_text(write, end):
    assert read_text(write('a.tsv', LINES.replace('\n', end))) == LINES
    assert read_text(write('empty', '')) == ''


def test_json_files(write):
    content = {'EchoTime': 0.005, 'Name': 'ü'}
    path = write('dataset_description.json', json.dumps(content, ensure_ascii=False))
    assert read_sidecar(path) == read_json(path) == content
    check_dataset(path.parent)


def test_tables(write):
    path = write('participants.tsv', LINES)
    assert read_groups(path, 'sex') == {'01': 'männlich', '02': 'F'}
    assert [row['participant_id'] for row in read_table(path)] == ['sub-01', 'sub-02']
    write('dseg.tsv', 'index\tname\n7\tGM\n8\tWM\n9\tCSF\n')
    assert label_numbers(path.with_name('x_dseg.nii.gz'), path.parent) == (9, 7, 8)


def test_files_of_options(write):
    query = {'T1w': {'run': ['1']}}
    assert values.filters(str(write('f.json', '{"t1w": {"run": 1}}'))) == query
    assert values.sequence(str(write('s.json', '{"kind": "SE"}'))) == '{"kind": "SE"}'
    table = write('r.tsv', 'tissue\tfield_T\tT1_ms\tT2_ms\tPD\nWM\t3\t800\t70\t0.7\n')
    assert json.loads(values.relaxation(str(table)))[0]['T1_ms'] == '800'
    settings = write('settings.toml', 'random_seed = 7\n')
    assert read_config(settings, build_parser('?')).random_seed == 7
    assert read_plugin_file(write('p.yml', 'plugin: Linear\n')) == ('Linear', {})


def test_a_simulated_dataset_describes_its_participants(write, make_dataset, tmp_path):
    source = make_dataset('sub-01', 'sub-02')
    described = {'sex': {'Description': 'männlich or F'}}
    write('raw/participants.tsv', LINES)
    write('raw/participants.json', json.dumps(described))
    start_dataset(tmp_path / 'ulf', Settings(source, tmp_path / 'out'))
    assert (tmp_path / 'ulf/participants.tsv').read_text(encoding='utf-8') == LINES
    assert json.loads((tmp_path / 'ulf/participants.json').read_bytes()) == described


@pytest.mark.skipif(find_validator() is None, reason='bids-validator-deno is not installed')
def test_the_validator_reads_what_we_read(make_dataset, tmp_path):
    """A mark in a file of the whole dataset is no error, and one in a sidecar costs nobody."""
    root = make_dataset('sub-01')
    rubbish = root / 'sub-01/anat/sub-01_old.nii.gz'
    rubbish.write_bytes(b'x')
    (root / '.bidsignore').write_text('*_old.nii.gz\n')
    (root / 'participants.tsv').write_text('participant_id\nsub-01\n')
    sidecar = root / 'sub-01/anat/sub-01_T1w.json'
    for path in (*root.glob('*.json'), *root.glob('*.tsv'), root / '.bidsignore', sidecar):
        path.write_text(path.read_text(), encoding='utf-16')
    found = validate(root, ['01'], tmp_path / 'scratch')
    assert found.problems == ()
    assert not any('gave no result' in note.text for note in found.notes)
