"""From a scan's file to its brain without bias field, as a Nipype node."""

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    isdefined,
    traits,
)

from ulfprep.interfaces.volumes import if_given, write_volume


class _PrepareInputSpec(BaseInterfaceInputSpec):
    # Not exists=True: a missing file deserves the check's own words.
    in_file = File(mandatory=True, desc='the scan')
    metadata = traits.Dict(desc='sidecar of the scan')
    stated = traits.List(
        traits.Float, desc="acquired voxel size as the user says, mm along the file's axes"
    )
    expected = traits.List(traits.Float, desc='signals of CSF, GM, WM that it should show')
    stripped = traits.Bool(desc='whether the skull was removed, where sidecar or user says')
    said_by = traits.Str('', usedefault=True, desc='the option that says; the sidecar without')
    mask = File(exists=True, desc='a mask made before, on any grid')
    mask_option = traits.Str('--brain-mask', usedefault=True, desc='the option that names it')
    mask_note = traits.Str('', usedefault=True, desc='where that is from, a sentence')
    corrected = File(exists=True, desc='the scan as other software corrected it, on any grid')
    corrected_name = traits.Str('', usedefault=True, desc='what that is called in notes')


class _PrepareOutputSpec(TraitedSpec):
    conformed = File(exists=True, desc='acquired voxels, axes in RAS+ order')
    resolution = traits.Dict(desc='acquired; see ulfprep.bids.read.conform.Conformed')
    brain_mask = File(exists=True)
    stripped = traits.Bool(desc='whether the scan came without skull')
    preproc = File(exists=True, desc='without bias field')
    bias_field = File(exists=True)
    given_bias = traits.Bool(desc='whether the field is that of the given image')
    notes = traits.List(traits.Any, desc='Note')


class Prepare(SimpleInterface):
    """Conformed scan, brain mask and bias field.

    See :func:`ulfprep.bids.read.conform.conform` and :mod:`ulfprep.segmentation.prepare`.
    """

    input_spec = _PrepareInputSpec
    output_spec = _PrepareOutputSpec

    def _run_interface(self, runtime):
        from ulfprep.bids.read.conform import conform
        from ulfprep.segmentation.prepare import find_brain, is_stripped, without_bias

        inputs = self.inputs
        expected = if_given(inputs.expected)
        scan = conform(inputs.in_file, if_given(inputs.metadata), if_given(inputs.stated, ()))
        grid = scan.grid
        stripped, note = is_stripped(
            scan.data, grid.zooms, expected, if_given(inputs.stripped), inputs.said_by
        )
        mask, brain_notes = find_brain(scan.data, grid, stripped, expected, self._mask())
        found = without_bias(scan.data, mask, grid, expected, self._corrected())
        images = {
            'conformed': scan.data,
            'brain_mask': mask,
            'preproc': found.data,
            'bias_field': found.field,
        }
        for name, data in images.items():
            self._results[name] = write_volume(runtime.cwd, name, data, grid.affine)
        self._results |= {
            'resolution': scan.resolution,
            'stripped': stripped,
            'given_bias': found.given_used,
            'notes': [*scan.notes, note, *brain_notes, *found.notes],
        }
        return runtime

    def _mask(self):
        """Return the given brain mask, if there is one."""
        from pathlib import Path

        from ulfprep.bids.read.derived_read import read_brain
        from ulfprep.physics.grid import Grid
        from ulfprep.segmentation.prepare import Volume

        path, option = self.inputs.mask, self.inputs.mask_option
        if not isdefined(path):
            return None
        share, affine = read_brain(Path(path), option)
        grid = Grid(share.shape, affine)
        return Volume(share, grid, f'{path} ({option})', self.inputs.mask_note)

    def _corrected(self):
        """Return the scan as other software corrected it, if it is given."""
        from ulfprep.bids.read.derived_read import read_volume
        from ulfprep.physics.grid import Grid
        from ulfprep.segmentation.prepare import Volume

        if not isdefined(self.inputs.corrected):
            return None
        image, affine = read_volume(self.inputs.corrected)
        return Volume(image, Grid(image.shape, affine), self.inputs.corrected_name)
