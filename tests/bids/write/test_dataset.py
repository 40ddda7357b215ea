"""Whose folder it is: nobody's results are written over, and nothing but our own is deleted."""

import json
import os

import pytest

from ulfprep.bids.store.locks import CACHES, MARK, claim, clean_work_folder, is_claimed
from ulfprep.bids.write.dataset import refuse_output, write_dataset_files
from ulfprep.settings import Settings


def describe(folder, **content):
    folder.mkdir(exist_ok=True)
    (folder / 'dataset_description.json').write_text(json.dumps(content))


@pytest.mark.parametrize(
    ('content', 'named'),
    [
        ({'GeneratedBy': [{'Name': 'fMRIPrep'}]}, 'fMRIPrep'),
        ({'GeneratedBy': [{'Name': 'A'}, {'Name': 'B'}]}, 'A, B'),
        ({'PipelineDescription': {'Name': 'MRIQC'}}, 'MRIQC'),
        ({'Name': 'Our study'}, '"Our study"'),
        ({}, 'somebody else'),
        ([], 'somebody else'),
        ({'GeneratedBy': 'nobody'}, 'somebody else'),
        ({'GeneratedBy': [{'Name': 'fMRIPrep'}, {'Name': 'ulfprep'}]}, 'fMRIPrep'),
        # Simulated scans are no place for derivatives.
        ({'GeneratedBy': [{'Name': 'ulfprep'}], 'DatasetType': 'raw'}, 'raw scans that ulfprep'),
    ],
)
def test_a_dataset_of_others_is_refused_by_name(tmp_path, content, named):
    tmp_path.joinpath('dataset_description.json').write_text(json.dumps(content))
    reason = refuse_output(tmp_path)
    assert reason.startswith(f'{tmp_path}: ')
    assert named in reason
    assert 'name a folder of its own' in reason


@pytest.mark.parametrize('name', ['sub-01', 'sub-01.html', 'group_T1w.tsv', 'dseg.tsv'])
def test_files_that_would_be_replaced_are_named(tmp_path, name):
    (tmp_path / name).write_text('a night of computing')
    assert name in refuse_output(tmp_path)


def test_methods_texts_of_others_are_not_replaced(tmp_path):
    (tmp_path / 'logs').mkdir()
    (tmp_path / 'logs/CITATION.md').write_text('methods')
    assert 'logs/CITATION.md' in refuse_output(tmp_path)
    (tmp_path / 'logs/CITATION.md').write_text(
        '# Methods\n\nResults were obtained with *ulfprep*.'
    )
    assert not refuse_output(tmp_path)


def test_what_cannot_be_read_is_not_taken_for_ones_own(tmp_path):
    description = tmp_path / 'dataset_description.json'
    description.write_text('{"GeneratedBy": [{"Name": "ulfp')
    assert 'dataset_description.json that cannot be read' in refuse_output(tmp_path)
    description.unlink()
    description.symlink_to('.git/annex/objects/xX/MD5E-s1.json')
    assert 'datalad get' in refuse_output(tmp_path)


@pytest.mark.parametrize(
    'name', ['verdicts/sub-01_T1w.json', '20261130-070324_751ba84e/ulfprep.log']
)
def test_runs_of_which_nothing_was_finished_are_known_by_their_records(tmp_path, name):
    (tmp_path / 'sub-01.html').write_text('report of a failure')
    assert refuse_output(tmp_path)
    (tmp_path / 'logs' / name).parent.mkdir(parents=True)
    (tmp_path / 'logs' / name).write_text('{}')
    assert not refuse_output(tmp_path)


def test_own_results_are_known_without_the_files_of_a_dataset(tmp_path):
    anat = tmp_path / 'sub-01/ses-A/anat'
    anat.mkdir(parents=True)
    assert not refuse_output(tmp_path)  # empty folders: nothing to lose
    (anat / 'sub-01_ses-A_T1w.nii.gz').write_text('somebody else')
    assert refuse_output(tmp_path)
    (anat / 'sub-01_ses-A_desc-qc_T1w.json').write_text('{}')
    assert not refuse_output(tmp_path)


@pytest.mark.parametrize('names', [[], ['logs'], ['sourcedata', 'code', 'README.md', '.git']])
def test_folders_in_which_nothing_is_replaced_are_taken(tmp_path, names):
    for name in names:
        (tmp_path / name).mkdir()
    assert not refuse_output(tmp_path)
    assert not refuse_output(tmp_path / 'new')


def test_a_readme_and_what_is_ignored_stay(tmp_path):
    raw, out = tmp_path / 'raw', tmp_path / 'out'
    describe(raw, Name='x', BIDSVersion='1.9.0')
    out.mkdir()
    (out / 'README').write_text('written by a person')
    (out / '.bidsignore').write_text('mine/*\n')
    for _ in range(2):
        write_dataset_files(Settings(raw, out))
    assert (out / 'README').read_text() == 'written by a person'
    assert not (out / 'README.md').exists()
    ignored = (out / '.bidsignore').read_text().splitlines()
    assert ignored[0] == 'mine/*'
    assert len(ignored) == len(set(ignored)) > 3


def test_only_what_is_marked_is_deleted(tmp_path):
    for name in ('ulfprep_results_2025', 'home', 'other', CACHES):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'precious').write_text('thesis')
        claim(tmp_path / name)  # too late: something else is in it
    (tmp_path / 'ulfprep_marked').symlink_to(tmp_path / 'other')
    (tmp_path / 'other' / MARK).write_text('')
    claim(tmp_path / 'ulfprep_own')
    (tmp_path / 'ulfprep_own/results').write_text('intermediate')
    removed, left = clean_work_folder(tmp_path)
    assert [path.name for path in removed] == ['ulfprep_own']
    assert len(left) == 5
    assert len(list(tmp_path.glob('*/precious'))) == 5  # four folders, one of them linked to


def test_a_folder_that_was_renamed_to_be_kept_is_not_deleted(tmp_path):
    claim(tmp_path / 'ulfprep_0_1_0_abcdef01')
    kept = (tmp_path / 'ulfprep_0_1_0_abcdef01').rename(tmp_path / 'ulfprep_of_march')
    assert clean_work_folder(tmp_path) == ([], [kept])


def test_a_mark_is_renewed_and_stays_with_what_is_put_beside_it(tmp_path):
    folder = tmp_path / 'ulfprep_0_1_0_abcdef01'
    claim(folder)
    (folder / 'results').write_text('intermediate')
    os.utime(folder / MARK, (0, 0))
    claim(folder)
    assert is_claimed(folder)
    assert (folder / MARK).stat().st_mtime > 0


def test_what_libraries_put_into_their_folder_does_not_make_it_somebody_elses(tmp_path):
    (tmp_path / CACHES / 'matplotlib').mkdir(parents=True)
    (tmp_path / CACHES / '.config').mkdir()
    claim(tmp_path / CACHES)
    assert clean_work_folder(tmp_path)[0] == [tmp_path / CACHES]


def test_results_that_were_not_fetched_are_not_replaced(tmp_path):
    anat = tmp_path / 'sub-01/anat'
    anat.mkdir(parents=True)
    (anat / 'sub-01_desc-preproc_T1w.nii.gz').symlink_to('../.git/annex/objects/nowhere')
    assert 'sub-01' in refuse_output(tmp_path)
