"""A few voxels far brighter or darker than tissue change neither tissues nor plan of a scan."""

import json

import nibabel as nib
import numpy as np
import pytest

from ulfprep.interfaces.plan import PlanContrast
from ulfprep.interfaces.prepare import Prepare
from ulfprep.interfaces.segment import SegmentTissues
from ulfprep.note import warnings_in

SHAPE, ZOOMS = (40, 48, 24), (4.0, 4.0, 6.0)
SIGNALS = {'T1w': (30.0, 78.0, 100.0), 'T2w': (500.0, 140.0, 100.0)}
TIMINGS = {
    'T1w': {'RepetitionTime': 1.5, 'InversionTime': 0.3, 'EchoTime': 0.005},
    'T2w': {'RepetitionTime': 2.0, 'EchoTime': 0.16},
}
#: Where spikes are set: white matter, cortex, ventricle, rim, two that touch, and air.
PLACES = [
    (11, 23, 12),
    (20, 6, 12),
    (20, 24, 12),
    (20, 24, 21),
    (28, 23, 9),
    (29, 23, 9),
    (1, 1, 1),
]


def scan(modality):
    """Return a skull-stripped brain of folded shells with noise of SNR 30."""
    axes = [(np.arange(n) - (n - 1) / 2) * z for n, z in zip(SHAPE, ZOOMS, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing='ij')
    radius = np.sqrt((x / 66) ** 2 + (y / 82) ** 2 + (z / 62) ** 2)
    folds = radius + 0.04 * np.sin(x / 6) * np.sin(y / 6)
    csf, gm, wm = SIGNALS[modality]
    data = np.select([folds < 0.78, folds < 0.93, radius < 1], [wm, gm, csf], 0.0)
    data[np.sqrt((x / 14) ** 2 + (y / 30) ** 2 + (z / 18) ** 2) < 1] = csf
    noise = np.random.default_rng(0).normal(0, 3.3, (2, *SHAPE))
    return np.where(radius < 1, np.hypot(data + noise[0], noise[1]), 0)


def prepared(folder, data, modality):
    """Run the nodes from a file to its plan; return volumes of the tissues, plan and notes."""
    folder.mkdir()
    affine = np.diag([*ZOOMS, 1.0])
    nib.save(nib.Nifti1Image(data.astype(np.float32), affine), folder / 'scan.nii.gz')
    about = {'MagneticFieldStrength': 0.064, 'AcquisitionVoxelSize': list(ZOOMS)}
    about |= TIMINGS[modality]
    expected = [signal / SIGNALS[modality][2] for signal in SIGNALS[modality]]

    def run(node):
        return node.run(cwd=str(folder)).outputs

    scan = str(folder / 'scan.nii.gz')
    made = run(Prepare(in_file=scan, metadata=about, stripped=True, expected=expected))
    files = {'preproc': made.preproc, 'brain_mask': made.brain_mask}
    known = {'resolution': made.resolution}
    tissues = run(SegmentTissues(**files, **known, expected=expected, spacing=2.5))
    plan = run(
        PlanContrast(
            **files,
            **known,
            probsegs=tissues.probsegs,
            segmentation=tissues.segmentation,
            metadata=about,
            source_field=0.064,
            target_field=3.0,
            modality=modality,
        )
    )
    volumes = [nib.load(path).get_fdata().sum() for path in tissues.probsegs]
    with open(plan.plan_file, encoding='utf-8') as file:
        return np.array(volumes), json.load(file), made.notes


@pytest.fixture(scope='module')
def usual(tmp_path_factory):
    """Return what is made of each scan without spikes."""
    folder = tmp_path_factory.mktemp('usual')
    return {m: prepared(folder / m, scan(m), m) for m in SIGNALS}


@pytest.mark.parametrize(
    ('modality', 'factor'),
    [('T1w', 28), ('T1w', 2800), ('T1w', -28), ('T1w', 0), ('T2w', 28), ('T2w', -28)],
)
def test_spikes_change_neither_tissues_nor_plan(usual, tmp_path, modality, factor):
    volumes, plan, before = usual[modality]
    data = scan(modality)
    spiked = data.copy()
    for place in PLACES:
        spiked[place] = factor * max(SIGNALS[modality])
    found, its, notes = prepared(tmp_path / 'b', spiked, modality)
    np.testing.assert_allclose(found, volumes, rtol=0.004)
    for name in ('means', 'snr', 'contrast_vector', 'noise_sigma'):
        np.testing.assert_allclose(its[name], plan[name], rtol=0.02, err_msg=name)
    assert [n['text'][:8] for n in its['notes']] == [n['text'][:8] for n in plan['notes']]
    assert not [note for note in before if 'replaced' in note.text]
    told = [note for note in notes if 'replaced by the median' in note.text]
    assert len(told) == (factor != 0)
    assert not warnings_in(told)
