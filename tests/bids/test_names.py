"""Names of files: taken apart, put together, and those that cannot be."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ulfprep.bids.names import (
    ENTITY_NAMES,
    entities_of,
    parse_name,
    path_of_name,
    stem_of,
    why_no_name,
)
from ulfprep.bids.read.dataset import find_scans, select
from ulfprep.bids.read.filters import parse_filters
from ulfprep.bids.read.index import NoScansError
from ulfprep.bids.task import Scan, Task
from ulfprep.bids.write.derivatives import derivatives_of, figure_path, figures_of, path_of
from ulfprep.settings import Settings

ALL = 'sub-1_ses-A_task-t_acq-a+b_ce-c_rec-r_run-01_echo-1_part-mag_chunk-2'


def test_a_name_comes_back_with_all_its_entities():
    assert why_no_name(ALL) == ''
    assert stem_of(entities_of(ALL)) == ALL
    path = path_of_name(entities_of(ALL), 'dseg', '.json', {'desc': 'T2w', 'resolution': '1mm'})
    assert path.as_posix() == f'sub-1/ses-A/anat/{ALL}_res-1mm_desc-T2w_dseg.json'


@pytest.mark.parametrize(
    ('stem', 'words'),
    [
        ('sub-01_heudiconv012', '"heudiconv012" in its name is no entity'),
        ('sub-01_', '"" in its name is no entity'),
        ('sub-01_acq-x_acq-y', 'acq- is in its name twice'),
        ('sub-01_acq-x_acq-x', 'acq- is in its name twice'),
        ('sub-01_desc-defaced', 'desc- is no entity of an anatomical image in a raw dataset'),
        ('sub-01_label-brain', 'label- is no entity'),
        ('sub-01_res-1', 'res- is no entity'),
        ('sub-01_resolution-1', 'resolution- is no entity'),
        ('sub-01_mod-x', 'mod- is no entity'),
        ('sub-01_acq-', 'acq- in its name has no label'),
        ('sub-01_acq-0.8mm', 'acq-0.8mm in its name has no label of letters and digits'),
        ('sub-01_run-1_acq-x', r'not in the order of BIDS; rename it \(sub-01_acq-x_run-1_...\)'),
    ],
)
def test_a_name_that_is_not_made_of_its_entities_says_why(stem, words):
    assert re.search(words, why_no_name(stem))
    assert 'rename it' in why_no_name(stem)


KEYS = [*ENTITY_NAMES, 'desc', 'label', 'res', 'space', 'subject', 'session', 'run ']
PARTS = st.one_of(
    st.tuples(st.sampled_from(KEYS), st.sampled_from(['1', '01', 'a', 'A', 'a+b', 'a-b', '']))
    .map('-'.join),
    st.sampled_from(['', 'x', '1', 'sub', '-', 'acq']),
)  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PARTS, max_size=5))
def test_names_are_taken_only_if_they_are_what_is_made_of_their_entities(parts):
    stem = '_'.join(['sub-01', *parts])
    if not why_no_name(stem):
        assert stem_of(entities_of(stem)) == stem


@pytest.mark.parametrize(
    ('good', 'bad'),
    [
        ('sub-01', 'sub-01_heudiconv012'),
        ('sub-01_acq-NORM', 'sub-01_acq-combME_acq-NORM'),
        ('sub-01', 'sub-01_desc-defaced'),
        ('sub-01', 'sub-01_label-brain'),
        ('sub-01_acq-x_run-1', 'sub-01_run-1_acq-x'),
    ],
)
def test_of_two_images_with_one_output_name_the_misnamed_is_left_out(make_dataset, good, bad):
    root = make_dataset(good, bad)
    selection = select(Settings(root, root / 'out'))
    assert [scan.stem for scan in selection.scans] == [good]
    (left,) = selection.left_out
    assert left.path.name == f'{bad}_T1w.nii.gz'
    assert left.reason == why_no_name(bad)
    assert left.misnamed


def test_task_and_plus_are_entities_of_a_scan(make_dataset):
    root = make_dataset('sub-0+1_ses-A+B_task-still_acq-a+b', 'sub-0+1_ses-A+B_task-nod_acq-ab')
    query = parse_filters('{"t1w": {"task": "still", "acq": "a+b"}}', 'own.json')
    labels = {'participant_label': ('0+1',), 'session_label': ('A+B',)}
    (scan,) = find_scans(Settings(root, root / 'out', bids_filters=query, **labels))
    assert scan.entities == {
        'subject': '0+1', 'session': 'A+B', 'task': 'still', 'acquisition': 'a+b',
    }  # fmt: skip
    assert scan.metadata == {'MagneticFieldStrength': 0.064}


@pytest.mark.parametrize('suffix', ['T1w', 'FLAIR'])
@pytest.mark.parametrize('stem', ['sub-01', 'sub-01_ses-A', ALL])
def test_what_is_made_of_a_scan_tells_its_scan(stem, suffix):
    scan = Scan(Path(f'{stem}_{suffix}.nii'), entities_of(stem), {}, stem, 'x', suffix)
    for made in derivatives_of('enhance'):
        name = parse_name(path_of(Task(scan), made))
        assert name.extension == made.extension
        assert name.of_scan == scan.entities
        if name.suffix == suffix:
            assert name.scan == scan.name
    for figure in figures_of('enhance'):
        name = parse_name(figure_path(scan, figure))
        assert (name.scan, name.pairs['desc']) == (scan.name, figure)


@pytest.mark.parametrize(
    ('name', 'stem', 'suffix', 'extension'),
    [
        ('sub-01_T1w.nii.gz', 'sub-01', 'T1w', '.nii.gz'),
        ('sub-01_acq-0.8mm_T1w.nii', 'sub-01_acq-0.8mm', 'T1w', '.nii'),
        ('sub-01_ses-A_T1w', 'sub-01_ses-A', 'T1w', ''),
        ('sub-01_T1w.a.b', 'sub-01', 'T1w', '.a.b'),
        ('mask.nii', '', 'mask', '.nii'),
        ('', '', '', ''),
    ],
)
def test_any_name_is_taken_apart(name, stem, suffix, extension):
    found = parse_name(name)
    assert (found.stem, found.suffix, found.extension) == (stem, suffix, extension)
    assert found.whole + found.extension == name


# Nothing selected, and why


def why(root, **more):
    with pytest.raises(NoScansError) as error:
        select(Settings(root, root.parent / 'out', **more))
    text = str(error.value)
    assert '\n' not in text
    return text


def test_which_other_images_there_are(make_dataset):
    make_dataset('sub-01', 'sub-02', suffix='T2w')
    root = make_dataset('sub-01', suffix='PDw')
    assert why(root).endswith(
        'no T1w scan (anat/*_T1w.nii[.gz]) for sub-01, sub-02: there is 1 PDw, 2 T2w '
        '(for those use -m T2w)'
    )
    assert why(root, modalities=('FLAIR',), participant_label=('02',)).endswith(
        'for sub-02: there is 1 T2w (for those use -m T2w)'
    )


def test_a_dataset_of_nobody(make_dataset):
    assert 'no participant folder' in why(make_dataset(name='empty'))


def test_what_filters_labels_and_names_left_out(make_dataset):
    root = make_dataset('sub-01_run-1', 'sub-01_run-2', 'sub-01_old')
    text = why(root, bids_filters={'T1w': {'run': ['3']}})
    assert '3 left out, such as sub-01_old_T1w.nii.gz: --bids-filter-file: run is' in text
    root = make_dataset('sub-01_ses-A_old', name='other')
    assert '1 left out, such as sub-01_ses-A_old_T1w.nii.gz: "old" in its name' in why(root)


def test_what_else_there_is_of_people_without_anatomical_images(make_dataset):
    root = make_dataset()
    (root / 'sub-01/func').mkdir(parents=True)
    (root / 'sub-01/func/sub-01_task-rest_bold.nii.gz').write_bytes(b'')
    assert why(root).endswith('for sub-01: there is no anat folder (but func)')
    astray = root / 'sub-01/sub-01_T1w.nii.gz'
    astray.write_bytes(b'')
    assert '1 not in its place, sub-*/[ses-*/]anat, such as sub-01/sub-01_T1w.nii.gz' in why(root)
    astray.unlink()
    (root / 'sub-01/anat').mkdir()
    for name in ('sub-01_T1w.mgz', 'sub-01_T1w.json'):
        (root / 'sub-01/anat' / name).write_bytes(b'')
    assert why(root).endswith('anat holds no NIfTI image but .json, .mgz')
