"""FreeSurfer's SynthSeg: how it is called, and how its labels become ulfprep's tissues."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from derived import affine_of, tissue_labels
from synthseg import put_synthseg

from ulfprep.bids.read.derived import UNKNOWN, tissue_table
from ulfprep.interfaces.given import (
    SynthSeg,
    SynthSegTissues,
    synthseg_command,
    what_went_wrong,
)
from ulfprep.physics import TISSUES

SHAPE, ZOOMS = (40, 44, 20), (2.0, 2.0, 5.0)
SIGNALS = (30.0, 90.0, 120.0)
#: Of SynthSeg's documentation: all that it labels without parcels.
ITS_LABELS = {
    'CSF': (4, 5, 14, 15, 24, 43, 44),
    'GM': (3, 8, 10, 11, 12, 13, 17, 18, 26, 42, 47, 49, 50, 51, 52, 53, 54, 58),
    'WM': (2, 7, 16, 28, 41, 46, 60),
}
#: As FreeSurfer 8.0 prints it where there is too little memory on a GPU.
STORY = """\
SynthSeg 2.0
using 1 thread
predicting 1/1

the following problem occured with image /w/scan.nii.gz :
Traceback (most recent call last):
  File "/usr/local/freesurfer/8.0.0/python/scripts/mri_synthseg", line 345, in predict
    post_patch_segmentation = net.predict(image)
ResourceExhaustedError: OOM when allocating tensor

resuming program execution


ERROR: some problems occured for the following inputs (see corresponding errors above):
/w/scan.nii.gz
"""


@pytest.fixture
def with_synthseg(tmp_path, monkeypatch):
    put_synthseg(tmp_path / 'free surfer', monkeypatch)


@pytest.fixture
def scan(tmp_path):
    """Return a function that writes a T1w of the phantom and its mask, times a factor."""

    def scan(factor=1.0, zooms=ZOOMS, shape=SHAPE):
        truth = tissue_labels(shape)
        noise = np.random.default_rng(0).normal(0, 2, (2, *shape))
        data = np.hypot(np.choose(truth, (0.0, *SIGNALS)) + noise[0], noise[1])
        affine = affine_of(shape, zooms)
        files = tmp_path / 'the scan.nii.gz', tmp_path / 'mask.nii.gz'
        images = (data * factor).astype(np.float32), (truth > 0).astype(np.uint8)
        for file, image in zip(files, images, strict=True):
            nib.save(nib.Nifti1Image(image, affine), file)
        return {'preproc': str(files[0]), 'brain_mask': str(files[1])}

    return scan


def load(path):
    return np.asanyarray(nib.load(path).dataobj)


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def test_command_line():
    command = synthseg_command('/a b/scan.nii.gz', '/w/labels.nii.gz', 3)
    assert command == [
        'mri_synthseg', '--i', '/a b/scan.nii.gz', '--o', '/w/labels.nii.gz', '--threads', '3',
        '--cpu',
    ]  # fmt: skip


def test_every_label_of_synthseg_is_a_tissue():
    table = tissue_table()
    for tissue, numbers in ITS_LABELS.items():
        assert {int(table[n]) for n in numbers} == {1 + TISSUES.index(tissue)}
    assert UNKNOWN not in table[[n for numbers in ITS_LABELS.values() for n in numbers]]


@pytest.mark.parametrize(
    ('out', 'err', 'line'),
    [
        (STORY, '', 'ResourceExhaustedError: OOM when allocating tensor'),
        (STORY, 'a warning\n', 'ResourceExhaustedError: OOM when allocating tensor'),
        ('SynthSeg 2.0\n', 'one\nlicense file not found\n\n', 'license file not found'),
        ('error: FREESURFER_HOME is not set.\n', ' \n', 'error: FREESURFER_HOME is not set.'),
        ('', '', ''),
    ],
)
def test_the_line_that_says_what_went_wrong(out, err, line):
    assert what_went_wrong(out, err) == line


@pytest.mark.usefixtures('with_synthseg')
def test_labels_become_tissues_on_the_scan_and_on_the_lattice(tmp_path, monkeypatch, scan):
    monkeypatch.chdir(tmp_path)
    files = scan()
    labels = SynthSeg(preproc=files['preproc']).run().outputs.out_files
    arguments = (tmp_path / 'arguments.txt').read_text().splitlines()
    assert arguments[1] == files['preproc']
    node = SynthSegTissues(
        **files,
        given=labels,
        given_name='SynthSeg',
        expected=[s / 120 for s in SIGNALS],
        resolution={'voxel_size_mm': list(ZOOMS)},
    )
    outputs = node.run().outputs
    names = [Path(file).name for file in outputs.probsegs]
    assert names == ['probseg_csf.nii.gz', 'probseg_gm.nii.gz', 'probseg_wm.nii.gz']
    truth = tissue_labels(SHAPE)
    shares = np.stack([load(file) for file in outputs.probsegs])
    np.testing.assert_allclose(shares.sum(axis=0), truth > 0, atol=1e-5)
    dseg = load(outputs.dseg)
    # The outer shell has no label: it is CSF because the mask holds it.
    for number, label in ((1, 3), (2, 1), (3, 2)):
        assert dice(dseg == label, truth == number) > 0.8
    fine = [nib.load(file) for file in outputs.lattice_probsegs]
    assert [image.header.get_zooms() for image in fine] == [(1, 1, 1)] * 3
    # What the lattice holds is purer than what the scan sees of it.
    inside = sum(image.get_fdata() for image in fine) > 0.5
    white = fine[2].get_fdata()[inside], shares[2][truth > 0]
    mixed = [((share > 0.2) & (share < 0.8)).mean() for share in white]
    assert mixed[0] < 0.6 * mixed[1]
    assert outputs.segmentation['method'] == 'SynthSeg'
    assert outputs.segmentation['notes'] == []
    assert outputs.segmentation['means'] == pytest.approx(SIGNALS, rel=0.15)


@pytest.mark.usefixtures('with_synthseg')
def test_small_voxels_need_no_lattice(tmp_path, monkeypatch, scan):
    monkeypatch.chdir(tmp_path)
    files = scan(zooms=(1.2, 1.2, 1.2))
    labels = SynthSeg(preproc=files['preproc']).run().outputs.out_files
    outputs = SynthSegTissues(**files, given=labels, given_name='SynthSeg').run().outputs
    assert not isinstance(outputs.lattice_probsegs, list)
    assert dice(load(outputs.dseg) == 2, tissue_labels(SHAPE) == 3) > 0.9


@pytest.mark.usefixtures('with_synthseg')
def test_what_it_says_of_a_failure_is_told_with_the_exit_status(tmp_path, monkeypatch, scan):
    monkeypatch.chdir(tmp_path)
    files = scan(factor=0.1)
    with pytest.raises(RuntimeError) as error:
        SynthSeg(preproc=files['preproc']).run()
    (line,) = str(error.value).splitlines()
    said = 'mri_synthseg ended with exit status 1, and said: ValueError: nothing to see'
    assert line.startswith(f'{files["preproc"]}: {said}')
    assert 'leave --segmentation out' in line
    assert 'Traceback' in (tmp_path / 'synthseg.txt').read_text()


@pytest.mark.usefixtures('with_synthseg')
def test_no_labels_are_a_failure_even_with_exit_status_0(tmp_path, monkeypatch, scan):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'synthseg.nii.gz').write_bytes(b'of an earlier run')
    with pytest.raises(RuntimeError, match=r'wrote no labels \(exit status 0\), and said: using'):
        SynthSeg(preproc=scan(factor=0.4)['preproc']).run()


@pytest.mark.parametrize(
    ('script', 'words'),
    [
        ('#!/bin/sh\nkill -KILL $$\n', r'was killed \(exit status -9\), as where memory runs out'),
        ('#!/bin/sh\nexit 137\n', r'was killed \(exit status 137\).* without a word'),
        ('#!/bin/sh\necho no license >&2\nexit 3\n', 'exit status 3, and said: no license'),
        ('#!/bin/sh\nread answer || { echo asked >&2; exit 4; }\n', 'exit status 4.*asked'),
    ],
)
def test_other_ends(tmp_path, monkeypatch, scan, script, words):
    monkeypatch.chdir(tmp_path)
    put_synthseg(tmp_path / 'bin', monkeypatch, script)
    with pytest.raises(RuntimeError, match=words):
        SynthSeg(preproc=scan()['preproc']).run()


@pytest.mark.parametrize(
    ('labels', 'words'),
    [
        (np.zeros(SHAPE), r'is empty \(--segmentation synthseg\)'),
        (np.where(tissue_labels(SHAPE) == 3, 2, 0), 'no voxel of it is CSF or GM'),
        (np.choose(tissue_labels(SHAPE), (0, 9000, 3, 2)), 'labels that are no tissue'),
        (np.roll(np.choose(tissue_labels(SHAPE), (0, 4, 3, 2)), 20, 0), 'the brain has a tissue'),
        (np.choose(tissue_labels(SHAPE), (0, 2, 4, 3)), 'not those of their names.* out'),
    ],
)
def test_labels_that_cannot_be_are_refused_by_the_flag(tmp_path, monkeypatch, scan, labels, words):
    monkeypatch.chdir(tmp_path)
    image = nib.Nifti1Image(labels.astype(np.int32), affine_of(SHAPE, ZOOMS))
    nib.save(image, tmp_path / 'synthseg.nii.gz')
    node = SynthSegTissues(
        **scan(),
        given=[str(tmp_path / 'synthseg.nii.gz')],
        expected=[s / 120 for s in SIGNALS],
    )
    with pytest.raises(ValueError, match=words) as error:
        node.run()
    assert '--derivatives' not in str(error.value)
    assert '--segmentation' in str(error.value)
