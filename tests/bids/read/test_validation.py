"""What the BIDS validator's findings mean for a run, and a validator that fails."""

import json
import os
import time

import pytest
from faults import is_running

from ulfprep.bids.read import validation
from ulfprep.bids.read.validation import find_validator, sort_issues, validate
from ulfprep.cli.exit_codes import Exit
from ulfprep.cli.main import main


@pytest.fixture
def installed():
    if find_validator() is None and not os.environ.get('CI'):
        pytest.skip('bids-validator-deno is not installed')


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Return a function that puts a shell script in the validator's place."""

    def install(script):
        file = tmp_path / 'validator'
        file.write_text(f'#!/bin/sh\n{script}\n')
        file.chmod(0o755)
        monkeypatch.setattr(validation, 'find_validator', lambda: str(file))

    return install


@pytest.mark.usefixtures('installed')
def test_a_valid_dataset_leaves_no_trace(make_dataset, tmp_path):
    found = validate(make_dataset('sub-01', 'sub-02'), ['01'], tmp_path / 'scratch')
    assert found.problems == ()
    assert list((tmp_path / 'scratch').iterdir()) == []


@pytest.mark.usefixtures('installed')
def test_what_is_wrong_stops_a_run_of_that_participant_alone(make_dataset, tmp_path):
    root = make_dataset('sub-01', 'sub-02')
    (root / 'participants.tsv').write_text('participant_id\nsub-01\nsub-02\n')
    (root / 'sub-02/anat/sub-02_T1w_old.nii.gz').write_bytes(b'x')
    assert validate(root, ['01'], tmp_path).problems == ()
    (problem,) = validate(root, ['01', '02'], tmp_path).problems
    assert problem == f'{root}/sub-02/anat/sub-02_T1w_old.nii.gz: NOT_INCLUDED'
    (root / '.bidsignore').write_text('*_old.nii.gz\n')
    assert validate(root, ['01', '02'], tmp_path).problems == ()


@pytest.mark.usefixtures('installed')
def test_what_concerns_one_scan_or_is_not_read_is_noted(make_dataset, tmp_path):
    root = make_dataset('sub-01', 'sub-02_run-1', 'sub-02_run-2', 'sub-03')
    anat = root / 'sub-02/anat'
    (anat / 'sub-02_run-1_T1w.nii.gz').write_bytes(b'')
    (anat / 'sub-02_run-1_T1w.json').write_text('{"EchoTime": ')
    (anat / 'sub-02_run-2_T1w.nii.gz').write_bytes(b'no image')
    (root / 'sub-03/anat/sub-03_T1w.nii.gz').unlink()
    (root / 'sub-03/anat/sub-03_T1w.nii.gz').symlink_to('nowhere')
    (root / 'sub-01/func').mkdir()
    (root / 'sub-01/func/notes.txt').write_text('x')
    found = validate(root, ['01', '02', '03'], tmp_path)
    assert found.problems == ()
    (note,) = found.notes
    for code in ('EMPTY_FILE', 'JSON_INVALID', 'NOT_INCLUDED', 'SYMLINK_BROKEN'):
        assert code in note.text


@pytest.mark.usefixtures('installed')
@pytest.mark.usefixtures('in_process')
def test_an_invalid_dataset_ends_the_run_unless_validation_is_skipped(
    make_dataset, tmp_path, capsys
):
    root = make_dataset('sub-01')
    (root / 'notes.doc').write_text('x')
    args = [str(root), str(tmp_path / 'out'), 'participant', '-w', str(tmp_path / 'work')]
    args += ['--device', 'cpu', '--segmentation', 'embedded', '--nprocs', '1', '--sloppy']
    assert main(args) == Exit.INVALID_DATASET
    (last,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith('ulfprep: error')]
    for word in (f'{root}/notes.doc: NOT_INCLUDED', '.bidsignore', '--skip-bids-validation'):
        assert word in last
    assert main([*args, '--skip-bids-validation']) == Exit.OK


def test_many_problems_are_told_in_few_lines(tmp_path):
    issues = [
        {'code': 'NOT_INCLUDED', 'severity': 'error', 'location': f'/sub-01/anat/{n}.txt'}
        for n in range(30)
    ]
    issues.append({'code': 'README_SMALL', 'severity': 'warning', 'location': '/README'})
    found = sort_issues([*issues, issues[0]], tmp_path)
    assert len(found.problems) == 11
    assert found.problems[-1] == 'and 20 more'
    assert found.notes == ()
    long = {'code': 'A', 'subCode': 'B', 'severity': 'error', 'location': '/x.json'}
    (line,) = sort_issues([long | {'issueMessage': 'a\nb ' * 99}], tmp_path).problems
    assert line.startswith(f'{tmp_path}/x.json: A B (a b')
    assert len(line.splitlines()) == 1


def test_without_a_validator_the_run_goes_on(make_dataset, tmp_path, monkeypatch):
    monkeypatch.setattr('sys.executable', str(tmp_path / 'bin' / 'python'))
    monkeypatch.setenv('PATH', str(tmp_path))
    found = validate(make_dataset('sub-01'), ['01'], tmp_path)
    assert found.problems == ()
    assert 'no bids-validator-deno' in found.notes[0].text


@pytest.mark.parametrize(
    'script',
    [
        'exit 3',
        'echo boom >&2; kill -9 $$',
        'echo "{"',
        'echo "[]"',
        'echo \'{"issues": {"issues": [1]}}\'',
        'yes "[" | tr -d "\\n" | head -c 200000',
        'printf "\\377\\376"',
    ],
)
def test_a_validator_that_fails_stops_nothing(make_dataset, tmp_path, stand_in, script):
    stand_in(script)
    found = validate(make_dataset('sub-01'), ['01'], tmp_path / 'scratch')
    assert found.problems == ()
    (note,) = found.notes
    assert note.level == 'warning'
    assert note.text.startswith('the BIDS validator gave no result')
    assert len(note.text.splitlines()) == 1
    assert list((tmp_path / 'scratch').iterdir()) == []


@pytest.mark.parametrize(('version', 'believed'), [('2.4.1', False), ('3.0.2', True)])
def test_what_an_old_validator_finds_is_not_believed(
    make_dataset, tmp_path, stand_in, version, believed
):
    issue = {'code': 'NOT_INCLUDED', 'severity': 'error', 'location': '/sub-01/anat/x_T1w.nii.gz'}
    issues = json.dumps({'issues': {'issues': [issue]}})
    stand_in(
        f'echo $DENO_DIR >> {tmp_path}/kept\n'
        f"[ $1 = --version ] && echo 'bids-validator {version}' || echo '{issues}'"
    )
    found = validate(make_dataset('sub-01'), ['01'], tmp_path / 'scratch')
    kept = (tmp_path / 'kept').read_text().splitlines()
    assert len(kept) == 2
    assert all(folder.startswith(str(tmp_path / 'scratch')) for folder in kept)
    assert bool(found.problems) is believed
    assert ('version 3.0 or newer is needed' in ' '.join(map(str, found.notes))) is not believed


def test_a_validator_that_hangs_is_ended_with_all_it_started(make_dataset, tmp_path, stand_in):
    stand_in(f'sleep 1000 & echo $! > {tmp_path}/child; wait')
    found = validate(make_dataset('sub-01'), ['01'], tmp_path / 'scratch', timeout=2)
    assert 'it took too long' in found.notes[0].text
    child = int((tmp_path / 'child').read_text())
    for _ in range(100):
        if not is_running(child):
            return
        time.sleep(0.1)
    raise AssertionError('what it started lives on')
