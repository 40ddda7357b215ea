"""Which scans are selected, and with which metadata."""

import re

from ulfprep.bids.read.dataset import find_scans
from ulfprep.settings import Settings


def stems(root, **labels):
    return [scan.stem for scan in find_scans(Settings(root, root / 'out', **labels))]


def test_every_t1w_is_a_scan_of_its_own(make_dataset):
    root = make_dataset('sub-01_run-1', 'sub-01_run-2', 'sub-01_acq-x', 'sub-02_ses-A_rec-y')
    make_dataset('sub-01', suffix='T2w')
    assert stems(root) == ['sub-01_acq-x', 'sub-01_run-1', 'sub-01_run-2', 'sub-02_ses-A_rec-y']


def test_modalities_select_scans_that_differ_in_their_suffix_alone(make_dataset):
    root = make_dataset('sub-01')
    for suffix in ('T2w', 'FLAIR', 'PDw'):
        make_dataset('sub-01', suffix=suffix)
    settings = Settings(root, root / 'out', modalities=('T1w', 'T2w', 'FLAIR'))
    names = [scan.name for scan in find_scans(settings)]
    assert sorted(names) == ['sub-01_FLAIR', 'sub-01_T1w', 'sub-01_T2w']
    assert stems(root, modalities=('FLAIR',)) == ['sub-01']


def test_entities_are_kept_as_written(make_dataset):
    scan = find_scans(Settings(make_dataset('sub-01_ses-A_acq-x_run-01'), 'out'))[0]
    expected = {'subject': '01', 'session': 'A', 'acquisition': 'x', 'run': '01'}
    assert scan.entities == expected
    assert scan.source == 'bids:raw:sub-01/ses-A/anat/sub-01_ses-A_acq-x_run-01_T1w.nii.gz'


def test_labels_select_whole_labels_only(make_dataset):
    root = make_dataset('sub-1', 'sub-10', 'sub-11_ses-1', 'sub-11_ses-11')
    assert stems(root, participant_label=('1',)) == ['sub-1']
    assert stems(root, participant_label=('11',), session_label=('1',)) == ['sub-11_ses-1']


def test_derivatives_and_sourcedata_are_not_input(make_dataset):
    root = make_dataset('sub-01')
    for name in ('derivatives/other', 'sourcedata', 'code', '.git'):
        folder = root / name / 'sub-09' / 'anat'
        folder.mkdir(parents=True)
        (folder / 'sub-09_T1w.nii.gz').write_bytes(b'')
    assert stems(root) == ['sub-01']


def test_only_anat_is_looked_at(make_dataset):
    root = make_dataset('sub-01_ses-A')
    for place in ('sub-01/func', 'sub-01/ses-A/dwi'):
        (root / place).mkdir()
        # pybids would stumble over this one if it looked
        (root / place / 'sub-01_task-rest_bold.json').write_text('{broken')
    assert stems(root) == ['sub-01_ses-A']


def test_phase_images_are_no_scans(make_dataset):
    assert stems(make_dataset('sub-01_part-mag', 'sub-01_part-phase')) == ['sub-01_part-mag']


def test_same_scan_twice_is_a_problem_of_that_scan(make_dataset):
    root = make_dataset('sub-01', 'sub-02')
    (root / 'sub-01/anat/sub-01_T1w.nii').write_bytes(b'')
    twice, other = find_scans(Settings(root, root / 'out'))
    assert re.search(r'sub-01_T1w\.nii\S*: .* twice, also as .*; remove one', twice.problem)
    assert not other.problem
