"""Crash files become one line each."""

from pathlib import Path

from ulfprep.bids.task import Scan
from ulfprep.cli.participant import exit_code
from ulfprep.workflows.engine.failures import Ending, Failure, ending_table, read_crash

#: As Nipype 1.11 writes it.
CRASH = """\
Node: ulfprep_0_1_0.scan_sub01.preprocess_wf.check
Working directory: /w/ulfprep/scan_sub01/preprocess_wf/check

Node inputs:

in_file = /d/sub-01_T1w.nii.gz

Traceback (most recent call last):
  File "/lib/nipype/pipeline/plugins/multiproc.py", line 66, in run_node
    result["result"] = node.run(updatehash=updatehash)
                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
nipype.pipeline.engine.nodes.NodeExecutionError: Exception raised while executing Node check.

Traceback:
\tTraceback (most recent call last):
\t  File "/lib/nipype/interfaces/base/core.py", line 401, in run
\t    runtime = self._run_interface(runtime)
\t              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
\tulfprep.bids.checks.UnusableScanError: /d/sub-01_T1w.nii.gz: the file is empty (0 bytes)


"""


def failure_of(tmp_path, text):
    (tmp_path / 'crash-x.txt').write_text(text)
    return read_crash(tmp_path / 'crash-x.txt')


def test_the_innermost_exception_is_told(tmp_path):
    failure = failure_of(tmp_path, CRASH)
    assert failure.node == 'ulfprep_0_1_0.scan_sub01.preprocess_wf.check'
    assert failure.kind == 'UnusableScanError'
    assert failure.message == '/d/sub-01_T1w.nii.gz: the file is empty (0 bytes)'
    assert failure.traceback.startswith('Traceback')
    assert failure.traceback.endswith('(0 bytes)')


def test_message_of_several_lines_becomes_one(tmp_path):
    head = 'Node: a.b\nTraceback (most recent call last):\n  File "x"\n'
    text = head + 'ValueError: one\n  two\nthree\n'
    assert failure_of(tmp_path, text).message == 'one two three'


def test_exception_without_words(tmp_path):
    text = 'Node: a.b\nTraceback (most recent call last):\n  File "x"\nMemoryError\n'
    failure = failure_of(tmp_path, text)
    assert (failure.kind, failure.message) == ('MemoryError', '')


def test_file_that_is_no_crash_file(tmp_path):
    assert failure_of(tmp_path, '').message == ''
    assert failure_of(tmp_path, 'cut off').message == 'cut off'


def ending(kind=None, status='failed'):
    scan = Scan(Path('x'), {'subject': '01'}, {}, 'sub-01')
    return Ending(scan, status, Failure('a.check', kind, 'bad', '', '/l/c') if kind else None)


def test_exit_codes():
    done, bad = ending(status='finished'), ending('UnusableScanError')
    killed, other = ending('WorkerKilledError'), ending('ValueError')
    assert exit_code([done, ending(status='skipped')]) == 0
    assert exit_code([done], reports_failed=True) == 1
    assert exit_code([done, bad]) == 1
    assert exit_code([bad, bad]) == 65
    assert exit_code([bad, other]) == 1
    assert exit_code([done, killed]) == 75


def test_table_says_what_where_and_why():
    text = ending_table([ending('ValueError'), ending(status='skipped')])
    assert 'failed' in text
    assert 'bad [step check]' in text
    assert 'details: /l/c' in text
    assert 'finished before' in text
    assert ending_table([]) == ''
