"""FSL FAST: how it is called, and how its outputs become ulfprep's tissues."""

import os
import re
import shlex
import shutil
import sys

import nibabel as nib
import numpy as np
import pytest
from nipype.pipeline import engine as pe
from scipy import ndimage
from template_brain import ZOOMS, scan_of_template

from ulfprep.interfaces.segment import ApplyMask, FastToTissues, SegmentTissues, make_fast
from ulfprep.segmentation.template import load_template

#: Writes what FAST writes: `_pve_0..2` hold 0.1, 0.2 and 0.7, the rest copies of its input.
FAKE_FAST = """\
#!{python}
import sys
import nibabel as nib, numpy as np
base, source = sys.argv[sys.argv.index('-o') + 1], nib.load(sys.argv[-1])
open('arguments.txt', 'w').write('\\n'.join(sys.argv[1:]))
def save(name, value):
    data = np.full(source.shape, value, np.float32)
    nib.save(nib.Nifti1Image(data, source.affine), f'{base}_{name}.nii.gz')
for k, value in enumerate((0.1, 0.2, 0.7)):
    save(f'pve_{k}', value), save(f'prob_{k}', value), save(f'seg_{k}', value)
save('seg', 1), save('pveseg', 1), save('mixeltype', 1)
"""


@pytest.fixture
def with_fast(tmp_path, monkeypatch):
    """Put a stand-in for FAST on the PATH."""
    folder = tmp_path / 'fsl bin'
    folder.mkdir()
    (folder / 'fast').write_text(FAKE_FAST.replace('{python}', sys.executable))
    (folder / 'fast').chmod(0o755)
    monkeypatch.setenv('PATH', f'{folder}{os.pathsep}{os.environ["PATH"]}')
    monkeypatch.setenv('FSLOUTPUTTYPE', 'NIFTI_GZ')


def save(path, data, affine=None):
    image = nib.Nifti1Image(data, np.diag([1.6, 1.6, 5, 1]) if affine is None else affine)
    nib.save(image, path)
    return str(path)


def test_command_line(tmp_path, with_fast):
    fast = make_fast()
    fast.inputs.in_files = [save(tmp_path / 'a b.nii.gz', np.ones((2, 2, 2), np.float32))]
    command, *arguments = shlex.split(fast.cmdline)
    assert command == 'fast'
    assert arguments[-3:] == ['-S', '1', str(tmp_path / 'a b.nii.gz')]
    options = arguments[:-3]
    assert '-N' in options  # no bias field: N4 was there before
    assert options[options.index('-I') + 1] == '0'
    assert options[options.index('-n') + 1] == '3'
    assert options[options.index('-t') + 1] == '1'
    assert options[options.index('-o') + 1] == 'fast'
    assert '-p' in options
    assert '-g' in options


def test_node_runs_in_a_folder_with_spaces(tmp_path, with_fast):
    image = save(tmp_path / 'brain.nii.gz', np.ones((3, 4, 5), np.float32))
    node = pe.Node(make_fast(), name='fast', base_dir=str(tmp_path / 'work dir'))
    node.inputs.in_files = [image]
    files = node.run().outputs.partial_volume_files
    assert [os.path.basename(file) for file in files] == [f'fast_pve_{k}.nii.gz' for k in range(3)]
    values = [float(nib.load(file).get_fdata().mean()) for file in files]
    np.testing.assert_allclose(values, [0.1, 0.2, 0.7], atol=1e-6)


def test_fast_classes_become_csf_gm_wm(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pve = np.zeros((3, 4, 4, 4), np.float32)
    pve[0, 0], pve[1, 1], pve[2, 2:] = 0.9, 0.8, 0.7  # darkest class first, as FAST has it
    mask = np.ones((4, 4, 4), np.uint8)
    mask[:, 0] = 0
    node = FastToTissues(
        partial_volume_files=[save(tmp_path / f'pve_{k}.nii.gz', pve[k]) for k in range(3)],
        brain_mask=save(tmp_path / 'mask.nii.gz', mask),
        preproc=save(tmp_path / 'brain.nii.gz', np.tensordot([30.0, 75.0, 100.0], pve, 1)),
    )
    outputs = node.run().outputs
    names = [os.path.basename(file) for file in outputs.probsegs]
    assert names == ['probseg_csf.nii.gz', 'probseg_gm.nii.gz', 'probseg_wm.nii.gz']
    csf, gm, wm = (nib.load(file).get_fdata() for file in outputs.probsegs)
    assert csf[0, 1, 1] == pytest.approx(0.9)
    assert gm[1, 1, 1] == pytest.approx(0.8)
    assert wm[2, 1, 1] == pytest.approx(0.7)
    dseg = np.asanyarray(nib.load(outputs.dseg).dataobj)
    assert (dseg[0, 1, 1], dseg[1, 1, 1], dseg[2, 1, 1]) == (3, 1, 2)
    assert not dseg[:, 0].any()
    assert not wm[:, 0].any()
    assert outputs.segmentation['method'] == 'FSL FAST'


@pytest.mark.parametrize('numbering', [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_fast_classes_are_known_by_their_brightness(tmp_path, monkeypatch, numbering):
    """Whatever numbers FAST gives the classes of a T2w, the brightest is CSF."""
    monkeypatch.chdir(tmp_path)
    tissues = np.zeros((3, 6, 6, 6), np.float32)  # CSF, GM, WM
    tissues[0, :2], tissues[1, 2:4], tissues[2, 4:] = 0.9, 0.8, 0.95
    node = FastToTissues(
        partial_volume_files=[
            save(tmp_path / f'pve_{k}.nii.gz', tissues[tissue])
            for k, tissue in enumerate(numbering)
        ],
        brain_mask=save(tmp_path / 'mask.nii.gz', np.ones((6, 6, 6), np.uint8)),
        preproc=save(tmp_path / 'x.nii.gz', np.tensordot([220.0, 135.0, 100.0], tissues, 1)),
        expected=[2.2, 1.35, 1.0],
    )
    found = [nib.load(file).get_fdata() for file in node.run().outputs.probsegs]
    np.testing.assert_allclose(found, tissues)


def test_fast_is_told_what_kind_of_image_it_gets():
    assert make_fast().inputs.img_type == 1
    assert make_fast([0.2, 1.3, 1.0]).inputs.img_type == 1
    assert make_fast([2.2, 1.35, 1.0]).inputs.img_type == 2


@pytest.mark.skipif(shutil.which('fast') is None, reason='FSL FAST is not installed')
def test_fast_itself_finds_the_tissues_of_the_phantom(tmp_path, monkeypatch, phantom):
    monkeypatch.chdir(tmp_path)
    data = phantom.get_fdata(dtype=np.float32)
    mask = (data > 15).astype(np.uint8)
    fast = make_fast()
    fast.inputs.in_files = [save(tmp_path / 'brain.nii.gz', data * mask)]
    node = FastToTissues(
        partial_volume_files=fast.run().outputs.partial_volume_files,
        brain_mask=save(tmp_path / 'mask.nii.gz', mask),
        preproc=str(tmp_path / 'brain.nii.gz'),
    )
    dseg = np.asanyarray(nib.load(node.run().outputs.dseg).dataobj)
    assert dseg[tuple(n // 2 for n in phantom.shape)] == 3  # its ventricle
    assert set(np.unique(dseg)) == {0, 1, 2, 3}


def test_fast_must_give_three_classes(tmp_path):
    files = [save(tmp_path / f'{k}.nii.gz', np.ones((2, 2, 2), np.float32)) for k in range(2)]
    with pytest.raises(Exception, match='partial_volume_files'):
        FastToTissues(partial_volume_files=files)


def test_apply_mask(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mask = np.zeros((2, 2, 2), np.uint8)
    mask[0] = 1
    image = save(tmp_path / 'x.nii.gz', np.full((2, 2, 2), 5, np.float32))
    outputs = ApplyMask(preproc=image, brain_mask=save(tmp_path / 'm.nii.gz', mask)).run().outputs
    np.testing.assert_array_equal(nib.load(outputs.out_file).get_fdata(), mask * 5)


def test_embedded_segmentation_has_the_same_outputs(tmp_path, monkeypatch, phantom):
    monkeypatch.chdir(tmp_path)
    affine = np.diag([1.2, 1.2, 1.2, 1])  # small voxels are segmented as they are: quick
    save(tmp_path / 'x.nii.gz', phantom.get_fdata(dtype=np.float32), affine)
    mask = save(tmp_path / 'm.nii.gz', (phantom.get_fdata() > 15).astype(np.uint8), affine)
    outputs = SegmentTissues(preproc=str(tmp_path / 'x.nii.gz'), brain_mask=mask).run().outputs
    assert len(outputs.probsegs) == 3
    centre = tuple(n // 2 for n in phantom.shape)
    dseg = np.asanyarray(nib.load(outputs.dseg).dataobj)
    assert dseg[centre] == 3  # the ventricle of the phantom
    assert set(np.unique(dseg)) == {0, 1, 2, 3}
    assert outputs.segmentation['method'] == 'the embedded mixture model'
    assert outputs.segmentation['means'] == sorted(outputs.segmentation['means'])


def test_the_network_says_which_weights_it_has_and_where_the_scan_disagrees(
    tmp_path, monkeypatch, phantom
):
    monkeypatch.chdir(tmp_path)
    affine = np.diag([2.0, 2.0, 2.0, 1])
    data = phantom.get_fdata(dtype=np.float32)
    image = save(tmp_path / 'x.nii.gz', data, affine)
    mask = save(tmp_path / 'm.nii.gz', (data > 15).astype(np.uint8), affine)
    node = SegmentTissues(preproc=image, brain_mask=mask, expected=[0.25, 0.8, 1.0], network=True)
    outputs = node.run().outputs
    assert len(outputs.probsegs) == len(outputs.lattice_probsegs) == 3
    assert outputs.segmentation['unmixed']
    assert re.fullmatch('[0-9a-f]{64}', outputs.segmentation['network_weights_sha256'])
    found = nib.load(outputs.disagreement).get_fdata()
    assert found.shape == data.shape
    assert np.isfinite(found).all()
    assert found[data > 15].any()
    assert not found[data <= 15].any()


def test_the_template_is_laid_over_the_scan_it_segments(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scan = scan_of_template()
    image = save(tmp_path / 'x.nii.gz', scan.image, scan.grid.affine)
    mask = save(tmp_path / 'mask.nii.gz', scan.mask.astype(np.uint8), scan.grid.affine)
    node = SegmentTissues(preproc=image, brain_mask=mask, spacing=2.5, expected=[0.23, 0.85, 1])
    node.inputs.resolution = {'voxel_size_mm': list(ZOOMS)}
    plain = node.run().outputs
    assert plain.segmentation['prior'] == 'none'
    assert 'prior' not in plain.segmentation['method']
    without = [nib.load(file).get_fdata() for file in plain.lattice_probsegs]
    node.inputs.prior = 'template'
    told = node.run().outputs
    assert told.segmentation['prior'] == 'template'
    assert 'MNI152' in told.segmentation['method']
    _, grey, white, where = load_template()
    affine = nib.load(told.lattice_probsegs[0]).affine
    index = np.linalg.inv(where.affine) @ scan.matrix @ affine
    errors = []
    for k, true in ((1, grey), (2, white)):
        truth = ndimage.affine_transform(
            ndimage.gaussian_filter(true, 1.0), index[:3, :3], index[:3, 3], without[k].shape
        )
        found = nib.load(told.lattice_probsegs[k]).get_fdata()
        inside = found + without[k] > 0
        errors.append([np.abs(v - truth)[inside].mean() for v in (found, without[k])])
    # The prior is the truth here, blurred: laid anywhere else it would not help.
    assert all(error < before for error, before in errors)


def test_a_template_that_fits_no_brain_names_the_scan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scan = scan_of_template()
    giant = scan.grid.affine @ np.diag([2, 2, 2, 1])
    image = save(tmp_path / 'x.nii.gz', scan.image, giant)
    mask = save(tmp_path / 'mask.nii.gz', scan.mask.astype(np.uint8), giant)
    node = SegmentTissues(preproc=image, brain_mask=mask, spacing=2.5, prior='template')
    with pytest.raises(ValueError, match=r'x\.nii\.gz: the template does not fit .*none'):
        node.run()
