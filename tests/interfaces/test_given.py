"""Tissues of other software that contradict the scan are refused or flagged by name."""

import nibabel as nib
import numpy as np
import pytest
from derived import affine_of, put_prep, tissue_labels

from ulfprep.interfaces.given import GivenTissues
from ulfprep.interfaces.plan import PlanContrast

#: Signals of CSF, GM and WM.
SIGNALS = {'T1w': (30.0, 78.0, 100.0), 'T2w': (500.0, 140.0, 100.0), 'FLAIR': (30.0, 125.0, 100.0)}
TISSUES = ('CSF', 'GM', 'WM')


@pytest.fixture
def given(tmp_path, monkeypatch):
    """Return a function that gives a scan of a modality its tissues, under some names."""
    monkeypatch.chdir(tmp_path)
    labels = tissue_labels()
    anat = put_prep(tmp_path / 'prep')

    def given(modality, names=TISSUES, expected=None):
        data = np.choose(labels, (0, *SIGNALS[modality]))
        noise = np.random.default_rng(0).normal(0, 3, (2, *labels.shape))
        data = np.where(labels > 0, np.hypot(data + noise[0], noise[1]), 0).astype(np.float32)
        for name, image in (('scan', data), ('mask', (labels > 0).astype(np.uint8))):
            nib.save(nib.Nifti1Image(image, affine_of()), f'{name}.nii.gz')
        files = {
            'preproc': str(tmp_path / 'scan.nii.gz'),
            'brain_mask': str(tmp_path / 'mask.nii.gz'),
        }
        paths = [str(anat / f'sub-01_label-{t}_probseg.nii.gz') for t in names]
        expected = [s / 100 for s in SIGNALS[expected or modality]]
        node = GivenTissues(**files, given=paths, given_name='x of prep', expected=expected)
        outputs = node.run(cwd=str(tmp_path)).outputs
        plan = PlanContrast(
            **files,
            probsegs=outputs.probsegs,
            segmentation=outputs.segmentation,
            metadata={},
            source_field=0.064,
            target_field=3.0,
            modality=modality,
        )
        plan.run(cwd=str(tmp_path))
        return outputs.segmentation['notes'], (tmp_path / 'plan.json').read_text()

    return given


@pytest.mark.parametrize('modality', SIGNALS)
def test_right_tissues_are_taken_without_a_word(given, modality):
    warnings, plan = given(modality)
    assert warnings == []
    assert '--derivatives' not in plan


@pytest.mark.parametrize('modality', SIGNALS)
@pytest.mark.parametrize('names', [('CSF', 'WM', 'GM'), ('WM', 'GM', 'CSF'), ('WM', 'CSF', 'GM')])
def test_tissues_that_are_neither_as_bright_nor_where_they_should_be_are_refused(
    given, modality, names
):
    with pytest.raises(Exception, match=f'label-{names[0]}_probseg.* not those of their names'):
        given(modality, names)


@pytest.mark.parametrize('modality', SIGNALS)
def test_csf_and_grey_matter_in_each_others_place_are_flagged_by_name(given, modality):
    warnings, plan = given(modality, ('GM', 'CSF', 'WM'))
    assert len(warnings) == 1
    assert warnings[0].level == 'warning'
    assert warnings[0].text.startswith('the tissues of x of prep contradict the scan')
    assert 'should be' in warnings[0].text
    assert 'x of prep contradict the scan' in plan


def test_right_tissues_of_a_scan_of_another_weighting_are_flagged_not_refused(given):
    warnings, _ = given('T2w', expected='T1w')
    assert '--source-sequence' in warnings[0].text
