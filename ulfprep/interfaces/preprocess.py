"""Conformed scan, brain mask and bias field as Nipype nodes."""

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    isdefined,
    traits,
)

from ulfprep.interfaces.volumes import read_mask, read_volume, write_volume
from ulfprep.note import Note, warning


class NotesInputSpec(BaseInterfaceInputSpec):
    """What was noted on the way from the file to the corrected scan."""

    conform_notes = traits.List(traits.Any, desc='Note')
    brain_notes = traits.List(traits.Any, desc='Note')
    bias_notes = traits.List(traits.Any, desc='Note')


def noted(inputs) -> list[Note]:
    """Return the notes of a scan's preparation, in their order."""
    every = (inputs.conform_notes, inputs.brain_notes, inputs.bias_notes)
    return [note for notes in every if isdefined(notes) for note in notes]


class _ConformInputSpec(BaseInterfaceInputSpec):
    # Not exists=True: a missing file deserves the check's own words.
    in_file = File(mandatory=True, desc='the scan')
    metadata = traits.Dict(desc='sidecar of the scan')
    stated = traits.List(
        traits.Float, desc="acquired voxel size as the user says, mm along the file's axes"
    )


class _ConformOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc='acquired voxels, axes in RAS+ order')
    notes = traits.List(traits.Any, desc='Note')
    resolution = traits.Dict(
        desc='acquired resolution in RAS order: voxel_size_mm, source, estimated_mm, method, '
        'file_mm'
    )


class Conform(SimpleInterface):
    """Refuse unusable images; reorder the axes of others to RAS+ and keep the affine true.

    A scan that was resampled to finer voxels than it was acquired with goes back to those;
    see :func:`ulfprep.bids.read.checks.check_image`,
    :func:`ulfprep.bids.read.resolution.decide_resolution` and
    :func:`ulfprep.physics.interpolation.acquired_grid`.
    """

    input_spec = _ConformInputSpec
    output_spec = _ConformOutputSpec

    def _run_interface(self, runtime):
        import nibabel as nib
        import numpy as np

        from ulfprep.bids.read.checks import check_image
        from ulfprep.bids.read.resolution import decide_resolution
        from ulfprep.physics.grid import Grid
        from ulfprep.physics.interpolation import acquired_grid, bicubic
        from ulfprep.physics.resolution import estimate_resolution, in_words, with_signal
        from ulfprep.physics.spikes import spikes_in_words, without_spikes

        checked = check_image(self.inputs.in_file)
        # Every file of ours holds its affine in single precision.
        image = nib.Nifti1Image(checked.data, checked.affine.astype('float32').astype(float))
        before = ''.join(nib.aff2axcodes(image.affine))
        canonical = nib.as_closest_canonical(image)
        data = canonical.get_fdata(dtype='float32')
        notes = list(checked.notes)
        if before != 'RAS':
            notes.append(Note(f'Axes were reordered from {before} to RAS.'))
        grid = Grid(tuple(int(n) for n in canonical.shape), canonical.affine)
        # Before anything is interpolated, which would smear them.
        data, spikes = without_spikes(data, with_signal(data), np.ones(data.shape, bool))
        notes.extend(map(Note, spikes_in_words(spikes)))
        metadata = self.inputs.metadata if isdefined(self.inputs.metadata) else {}
        stated = self.inputs.stated if isdefined(self.inputs.stated) else []
        axes = nib.io_orientation(image.affine)[:, 0].astype(int)
        estimate = estimate_resolution(data, grid.zooms)
        decision = decide_resolution(estimate, grid.zooms, metadata, axes, stated)
        notes.extend(map(Note, decision.notes))
        file_mm = [float(v) for v in grid.zooms]
        coarse = acquired_grid(grid, decision.voxel_size_mm)
        if coarse is not None:
            # Splines overshoot at the rim of a stripped brain: what was zero stays zero.
            measured = bicubic((data != 0).astype('float32'), grid, coarse) > 0.5
            data, grid = bicubic(data, grid, coarse) * measured, coarse
            text = (
                'The file was resampled after acquisition; it was brought back to '
                f'{in_words(coarse.zooms)} mm, after {decision.source}.'
            )
            notes.append(Note(text))
        self._results['out_file'] = write_volume(runtime.cwd, 'conformed', data, grid.affine)
        self._results['notes'] = notes
        self._results['resolution'] = {
            'voxel_size_mm': list(decision.voxel_size_mm),
            'source': decision.source,
            'estimated_mm': list(estimate.voxel_size_mm),
            'method': estimate.method,
            'file_mm': file_mm,
        }
        return runtime


class _BrainMaskInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True)
    stripped = traits.Bool(desc='whether the skull was removed, where sidecar or user says')
    said_by = traits.Str('', usedefault=True, desc='the option that says; the sidecar without')
    given = File(exists=True, desc='a mask made before, on any grid')
    given_with = traits.Str('--brain-mask', usedefault=True, desc='the option that names it')
    given_note = traits.Str('', usedefault=True, desc='where that is from, a sentence')
    expected = traits.List(traits.Float, desc='signals of CSF, GM, WM that it should show')


class _BrainMaskOutputSpec(TraitedSpec):
    out_mask = File(exists=True)
    stripped = traits.Bool(desc='whether the scan came without skull')
    notes = traits.List(traits.Any, desc='Note')


class BrainMask(SimpleInterface):
    """Brain mask of a scan with or without skull: found, the user's own, or other software's."""

    input_spec = _BrainMaskInputSpec
    output_spec = _BrainMaskOutputSpec

    def _run_interface(self, runtime):
        from ulfprep.segmentation.brain import brain_mask, looks_stripped, shows_a_head
        from ulfprep.segmentation.checks import mask_warnings

        data, grid = read_volume(self.inputs.in_file)
        expected = self.inputs.expected if isdefined(self.inputs.expected) else None
        if isdefined(self.inputs.stripped):
            stripped = self.inputs.stripped
            note = Note(f'Its sidecar says SkullStripped: {str(stripped).lower()}.')
            if self.inputs.said_by:
                state = 'stripped already' if stripped else 'a head with its skull'
                note = Note(f'Taken as {state}, as asked with {self.inputs.said_by}.')
            elif stripped and shows_a_head(data, grid.zooms):
                stripped = False
                note = warning(
                    'its sidecar says SkullStripped: true, but there is more signal than '
                    'a brain has: taken as a head with its skull. If it has none, say '
                    '--skull-strip skip.'
                )
        else:
            stripped, reason = looks_stripped(data, grid.zooms, expected)
            note = Note(reason)
        notes = [note]
        if isdefined(self.inputs.given):
            mask = given_mask(self.inputs.given, grid, self.inputs.given_with)
            notes.append(Note(self.inputs.given_note))
            notes += map(warning, mask_warnings(mask, grid.zooms, data))
        else:
            mask = brain_mask(data, grid.zooms, bool(stripped), expected)
            notes += map(warning, mask_warnings(mask, grid.zooms))
        self._results['out_mask'] = write_volume(
            runtime.cwd, 'brain_mask', mask.astype('uint8'), grid.affine
        )
        self._results['stripped'] = bool(stripped)
        self._results['notes'] = notes
        return runtime


def given_mask(path, grid, option: str = '--brain-mask'):
    """Bring a mask that was made before onto the grid of the scan.

    Raises
    ------
    ValueError
        If what is left there is no brain's worth.
    """
    from pathlib import Path

    from ulfprep.bids.read.derived_read import read_brain
    from ulfprep.physics.grid import Grid
    from ulfprep.physics.interpolation import carry_mask
    from ulfprep.segmentation.brain import check_volume

    share, affine = read_brain(Path(path), option)
    mask = carry_mask(share, Grid(share.shape, affine), grid)
    check_volume(mask, grid.zooms, f'{path} ({option}) does not fit this scan')
    return mask


class _BiasInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True)
    in_mask = File(exists=True, mandatory=True, desc='brain mask')
    expected = traits.List(traits.Float, desc='signals of CSF, GM, WM that it should show')
    given = File(exists=True, desc='the scan as other software corrected it, on any grid')
    given_name = traits.Str('', usedefault=True, desc='what that is called in notes')


class _BiasOutputSpec(TraitedSpec):
    out_file = File(exists=True)
    out_field = File(exists=True)
    given_used = traits.Bool(desc='whether the field is that of the given image')
    notes = traits.List(traits.Any, desc='Note')


class CorrectBias(SimpleInterface):
    """Correct the bias field: as other software found it, or by its own measure (N4).

    See :func:`ulfprep.segmentation.given.divided_field` and
    :func:`ulfprep.segmentation.bias.correct_bias`.
    """

    input_spec = _BiasInputSpec
    output_spec = _BiasOutputSpec

    def _run_interface(self, runtime):
        from ulfprep.physics.spikes import spikes_in_words, without_spikes
        from ulfprep.segmentation.bias import correct_bias

        data, grid = read_volume(self.inputs.in_file)
        mask = read_mask(self.inputs.in_mask)
        expected = self.inputs.expected if isdefined(self.inputs.expected) else None
        # Once the brain is known, fat no longer says what is bright.
        data, spikes = without_spikes(data, mask)
        field, notes = self._given_field(data, mask, grid)
        self._results['given_used'] = field is not None
        self._results['notes'] = [*map(Note, spikes_in_words(spikes)), *notes]
        if field is None:
            corrected, field = correct_bias(data, mask, grid.zooms, expected=expected)
        else:
            corrected = (data / field).astype('float32')
        self._results['out_file'] = write_volume(runtime.cwd, 'corrected', corrected, grid.affine)
        self._results['out_field'] = write_volume(runtime.cwd, 'bias_field', field, grid.affine)
        return runtime

    def _given_field(self, data, mask, grid):
        """Return the field that a given image was divided by, if it was, and a note on it."""
        if not isdefined(self.inputs.given):
            return None, []
        from ulfprep.bids.read.derived_read import read_volume as read_given
        from ulfprep.physics.grid import Grid
        from ulfprep.segmentation.given import NoFieldError, divided_field

        name = self.inputs.given_name
        image, affine = read_given(self.inputs.given)
        try:
            field = divided_field(data, mask, grid, image, Grid(image.shape, affine))
        except NoFieldError as error:
            text = f'the bias field was not taken from {name} but measured: {error}.'
            return None, [warning(text)]
        text = (
            f'The bias field is that between the scan and {name} (--derivatives); every voxel is '
            "still the scan's own, divided by it."
        )
        return field, [Note(text)]
