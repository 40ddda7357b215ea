"""An output folder in which another program's results lie is refused, whatever is asked for."""

import json

import pytest
from same import contents

from ulfprep.cli.exit_codes import Exit
from ulfprep.cli.main import main

NAMES = (
    'sub-01/anat/sub-01_desc-preproc_T1w.nii.gz',
    'sub-01/anat/sub-01_dseg.nii.gz',
    'sub-01.html',
    'group_T1w.tsv',
    'README.md',
    '.bidsignore',
    'logs/CITATION.md',
)
FMRIPREP = {'Name': 'x', 'BIDSVersion': '1.9.0', 'GeneratedBy': [{'Name': 'fMRIPrep'}]}


@pytest.fixture
def theirs(tmp_path):
    """Return a folder with what another program wrote, under names that ulfprep uses too."""
    folder = tmp_path / 'theirs'
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text('a night of computing')
    return folder


@pytest.mark.parametrize('described', [True, False])
@pytest.mark.parametrize(
    'args',
    [
        ['participant'],
        ['participant', '--dry-run'],
        ['participant', '--reports-only'],
        ['participant', '--boilerplate-only'],
        ['participant', '--force', '--clean-workdir'],
        ['participant', '--write-sbatch', 'jobs'],
        ['participant', '--simulate-as-bids', 'theirs'],
        ['group'],
    ],
    ids=' '.join,
)
def test_nothing_of_it_is_touched(
    make_dataset, theirs, tmp_path, monkeypatch, capsys, args, described
):
    monkeypatch.chdir(tmp_path)
    if described:
        (theirs / 'dataset_description.json').write_text(json.dumps(FMRIPREP))
    before = contents(theirs)
    root, simulate = make_dataset('sub-01'), '--simulate-as-bids' in args
    out = tmp_path / 'out' if simulate else theirs
    common = ['--skip-bids-validation', '-w', str(tmp_path / 'work')]
    assert main([str(root), str(out), *args, *common]) == Exit.USAGE
    assert contents(theirs) == before
    (line,) = capsys.readouterr().err.splitlines()
    assert str(theirs) in line
    assert simulate or ('fMRIPrep' if described else 'group_T1w.tsv') in line
