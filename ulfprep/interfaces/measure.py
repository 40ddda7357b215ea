"""Rendering and metrics as Nipype nodes."""

import os
from dataclasses import asdict

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    isdefined,
    traits,
)

from ulfprep.bids.files import read_json, write_json
from ulfprep.interfaces.fit import RenderInputSpec, RenderOutputSpec, rendered
from ulfprep.interfaces.volumes import (
    read_mask,
    read_plan,
    read_probabilities,
    read_volume,
    write_volume,
)
from ulfprep.note import Note, warning, warnings_in


class _MeasureInputSpec(RenderInputSpec):
    brain_mask = File(exists=True, mandatory=True)
    probsegs = traits.List(File(exists=True), mandatory=True)
    plan_file = File(exists=True, mandatory=True)
    conformed = File(exists=True, mandatory=True, desc='scan before bias correction')
    bias_field = File(exists=True, mandatory=True)
    no_highfield = traits.Str('', usedefault=True, desc='why there is no high-field image')


class _MeasureOutputSpec(RenderOutputSpec):
    bicubic = File(exists=True, desc='cubic interpolation of the scan')
    residual = File(exists=True, desc='units of noise standard deviations')
    metrics_file = File(exists=True, desc='JSON: metrics, null_reasons')
    tissue_change = File(exists=True, desc='share of each voxel that changed its tissue')
    tissue_move = File(exists=True, desc='main move, place in tissue_change.MOVES plus one')


class MeasureEnhanced(SimpleInterface):
    """Render a fitted field and hold it against the scan and its cubic interpolation.

    See :func:`ulfprep.physics.forward.residual`, :class:`ulfprep.metrics.enhanced.EnhancedScan`
    and :func:`ulfprep.metrics.tissue_change.tissue_change`.
    """

    input_spec = _MeasureInputSpec
    output_spec = _MeasureOutputSpec

    def _run_interface(self, runtime):
        from ulfprep.metrics.enhanced import EnhancedScan
        from ulfprep.metrics.registry import measure, names_of
        from ulfprep.metrics.tissue_change import tissue_change
        from ulfprep.physics.forward import residual
        from ulfprep.physics.interpolation import bicubic

        inputs, cwd = self.inputs, runtime.cwd
        files = rendered(inputs, cwd)
        # What is measured is what was written, its grid in single precision included.
        enhanced, fine_grid = read_volume(files['enhanced'])
        fine_probs = read_probabilities(files['fine_probsegs'])
        scan, grid = read_volume(inputs.preproc)
        mask, plan = read_mask(inputs.brain_mask), read_plan(inputs.plan_file)
        left = residual(scan, mask, enhanced, fine_probs, grid, fine_grid, plan)
        files['residual'] = write_volume(cwd, 'residual', left, grid.affine)
        plain = bicubic(scan, grid, fine_grid)
        files['bicubic'] = write_volume(cwd, 'bicubic', plain, fine_grid.affine)
        probs = read_probabilities(inputs.probsegs)
        change = tissue_change(
            probs, fine_probs, mask, grid, fine_grid, plan.psf_fwhm_mm, plan.psf
        )
        files['tissue_change'] = write_volume(cwd, 'tissue_change', change.distance, grid.affine)
        files['tissue_move'] = write_volume(cwd, 'tissue_move', change.main_move, grid.affine)
        subject = EnhancedScan(
            scan=scan,
            scan_mask=mask,
            scan_grid=grid,
            scan_probs=probs,
            enhanced=enhanced,
            fine_probs=fine_probs,
            # The field is rendered inside the brain only.
            fine_mask=read_mask(files['fine_dseg']),
            fine_grid=fine_grid,
            bicubic=plain,
            residual=left,
            uncertainty=read_volume(files['uncertainty'])[0],
            entropy=read_volume(files['entropy'])[0],
            claim=read_volume(files['claim'])[0],
            plan=plan,
            conformed=read_volume(inputs.conformed)[0],
            bias_field=read_volume(inputs.bias_field)[0],
            change=change,
        )
        values, reasons = measure(subject, 'enhance')
        values = values | dict.fromkeys(names_of('compare'))
        reasons = reasons | dict.fromkeys(names_of('compare'), inputs.no_highfield)
        files['metrics_file'] = write_metrics(cwd, values, reasons)
        self._results |= files
        return runtime


def write_metrics(folder: str, values: dict, reasons: dict) -> str:
    """Write metrics beside the reasons for those that are missing; return the file."""
    path = os.path.join(folder, 'metrics.json')
    write_json(path, {'metrics': values, 'null_reasons': reasons})
    return path


#: Where an image is held against the high-field one.
MASK = 'the brain by the enhanced and by the high-field image'


class _CompareInputSpec(BaseInterfaceInputSpec):
    metrics_file = File(exists=True, mandatory=True, desc='JSON: metrics, null_reasons')
    enhanced = File(exists=True, mandatory=True)
    fine_dseg = File(exists=True, mandatory=True)
    fine_probsegs = traits.List(File(exists=True), mandatory=True)
    bicubic = File(exists=True, mandatory=True)
    probsegs = traits.List(File(exists=True), mandatory=True, desc="on the scan's grid")
    highfield = File(exists=True, mandatory=True, desc='bias-corrected high-field image')
    highfield_mask = File(exists=True, mandatory=True)
    highfield_probsegs = traits.List(File(exists=True), mandatory=True)
    highfield_notes = traits.List(traits.Any, desc='Note')
    source = traits.Str(mandatory=True, desc='what the high-field image is called in reports')
    name = traits.Str(mandatory=True, desc='what the scan is called')
    field_strength = traits.Float(desc='of the high-field image, tesla')


class _CompareOutputSpec(TraitedSpec):
    metrics_file = File(exists=True, desc='JSON: metrics, null_reasons, reference, notes')


class CompareHighfield(SimpleInterface):
    """Metrics against a high-field image; see :mod:`ulfprep.metrics.compared`.

    The high-field image is registered rigidly. Where that is not possible its metrics are missing,
    with the reason.
    """

    input_spec = _CompareInputSpec
    output_spec = _CompareOutputSpec

    def _run_interface(self, runtime):
        from ulfprep.metrics.registry import names_of
        from ulfprep.physics.registration import RegistrationError

        inputs = self.inputs
        measured = read_json(inputs.metrics_file)
        try:
            values, reasons, record, note = self._compare()
        except RegistrationError as error:
            names = names_of('compare')
            values, reasons = dict.fromkeys(names), dict.fromkeys(names, str(error))
            record, note = None, warning(f'{error}; nothing was measured against it.')
        measured['metrics'] |= values
        kept = {n: why for n, why in measured['null_reasons'].items() if n not in values}
        measured['null_reasons'] = kept | reasons
        told = warnings_in(inputs.highfield_notes)
        notes = [note, *(n.about('the high-field image') for n in told)]
        measured |= {'reference': record, 'notes': [asdict(note) for note in notes]}
        path = os.path.join(runtime.cwd, 'metrics.json')
        write_json(path, measured)
        self._results['metrics_file'] = path
        return runtime

    def _compare(self):
        """Return values, reasons, what the QC file says of the high-field image, and a note."""
        import numpy as np

        from ulfprep.metrics.compared import Comparison
        from ulfprep.metrics.registry import measure
        from ulfprep.physics.grid import Grid
        from ulfprep.physics.interpolation import bring, carry, carry_shares, covered
        from ulfprep.physics.registration import find_motion

        inputs = self.inputs
        enhanced, fine = read_volume(inputs.enhanced)
        mask = read_mask(inputs.fine_dseg)
        image, own = read_volume(inputs.highfield)
        found = find_motion(
            (image, read_mask(inputs.highfield_mask), own),
            (enhanced, mask, fine),
            names=(inputs.source, f'the enhanced image of {inputs.name}'),
            same_contrast=True,
        )
        grid = Grid(own.shape, found['transform'] @ own.affine)
        tissues = read_probabilities(inputs.highfield_probsegs)
        scan_grid = read_volume(inputs.probsegs[0])[1]
        brain = carry_shares(read_mask(inputs.highfield_mask), grid, fine) > 0.5
        plain = [carry(p, scan_grid, fine) for p in read_probabilities(inputs.probsegs)]
        subject = Comparison(
            enhanced=enhanced,
            mask=mask,
            probs=read_probabilities(inputs.fine_probsegs),
            bicubic=read_volume(inputs.bicubic)[0],
            plain_probs=np.stack(plain),
            highfield=bring(image, grid, fine),
            highfield_mask=brain & covered(grid, fine),
            highfield_probs=np.stack([carry_shares(p, grid, fine) for p in tissues]),
            voxel=float(np.prod(fine.zooms)) / 1000,
        )
        values, reasons = measure(subject, 'compare')
        strength = inputs.field_strength
        record = {
            'source': inputs.source,
            'field_T': float(strength) if isdefined(strength) else None,
            # From its world to that of the scan, mm.
            **{key: value for key, value in found.items() if key not in ('name', 'reference')},
            'mask': MASK,
            'intensities': 'fitted linearly to those of the high-field image inside that mask',
        }
        note = Note(
            f'The high-field image was registered rigidly: moved by {found["rotation_deg"]:.1f} '
            f'degrees and {found["translation_mm"]:.1f} mm, {found["measure"]} '
            f'{found["similarity_before"]:.3f} before and {found["similarity_after"]:.3f} after; '
            f'compared inside {MASK}.'
        )
        return values, reasons, record, note
