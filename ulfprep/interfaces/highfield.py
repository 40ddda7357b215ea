"""An enhanced image held against a high-field one, as a Nipype node."""

import os

from nipype.interfaces.base import (
    File,
    SimpleInterface,
    TraitedSpec,
    isdefined,
    traits,
)

from ulfprep.bids.files import read_json, write_json
from ulfprep.interfaces.preprocess import NotesInputSpec, noted
from ulfprep.interfaces.volumes import read_mask, read_probabilities, read_volume
from ulfprep.physics.motion import RegistrationError, find_motion

MASK = 'the brain by the enhanced and by the high-field image'


class _CompareInputSpec(NotesInputSpec):
    metrics_file = File(exists=True, mandatory=True, desc='JSON: metrics, null_reasons')
    enhanced = File(exists=True, mandatory=True)
    fine_dseg = File(exists=True, mandatory=True)
    fine_probsegs = traits.List(File(exists=True), mandatory=True)
    bicubic = File(exists=True, mandatory=True)
    probsegs = traits.List(File(exists=True), mandatory=True, desc="on the scan's grid")
    reference = File(exists=True, mandatory=True, desc='bias-corrected high-field image')
    reference_mask = File(exists=True, mandatory=True)
    reference_probsegs = traits.List(File(exists=True), mandatory=True)
    source = traits.Str(mandatory=True, desc='what the high-field image is called in reports')
    name = traits.Str(mandatory=True, desc='what the scan is called')
    field_strength = traits.Float(desc='of the high-field image, tesla')


class _CompareOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc='JSON: metrics, null_reasons, reference, notes')


class CompareReference(SimpleInterface):
    """Metrics against a high-field image; see :mod:`ulfprep.metrics.compared`.

    The high-field image is registered rigidly. Where that is not possible its metrics are missing,
    with the reason.
    """

    input_spec = _CompareInputSpec
    output_spec = _CompareOutputSpec

    def _run_interface(self, runtime):
        from ulfprep.metrics.registry import names_of

        inputs = self.inputs
        measured = read_json(inputs.metrics_file)
        try:
            values, reasons, record, note = self._compare()
        except RegistrationError as error:
            names = names_of('compare')
            values, reasons = dict.fromkeys(names), dict.fromkeys(names, str(error))
            record, note = None, f'Warning: {error}; nothing was measured against it.'
        measured['metrics'] |= values
        kept = {n: why for n, why in measured['null_reasons'].items() if n not in values}
        measured['null_reasons'] = kept | reasons
        warned = [n.removeprefix('Warning: ') for n in noted(inputs) if n.startswith('Warning: ')]
        notes = [note, *(f'Warning: of the high-field image: {text}' for text in warned)]
        measured |= {'reference': record, 'notes': notes}
        path = os.path.join(runtime.cwd, 'metrics.json')
        write_json(path, measured)
        self._results['out_file'] = path
        return runtime

    def _compare(self):
        """Return values, reasons, what the QC file says of the high-field image, and a note."""
        import numpy as np

        from ulfprep.metrics.compared import compare_with_highfield
        from ulfprep.physics.grid import Grid
        from ulfprep.physics.interpolation import bring, carry, carry_shares, covered

        inputs = self.inputs
        enhanced, fine = read_volume(inputs.enhanced)
        mask = read_mask(inputs.fine_dseg)
        image, own = read_volume(inputs.reference)
        found = find_motion(
            (image, read_mask(inputs.reference_mask), own),
            (enhanced, mask, fine),
            names=(inputs.source, f'the enhanced image of {inputs.name}'),
            same_contrast=True,
        )
        grid = Grid(own.shape, found['transform'] @ own.affine)
        tissues = read_probabilities(inputs.reference_probsegs)
        scan_grid = read_volume(inputs.probsegs[0])[1]
        brain = carry_shares(read_mask(inputs.reference_mask), grid, fine) > 0.5
        plain = [carry(p, scan_grid, fine) for p in read_probabilities(inputs.probsegs)]
        values, reasons = compare_with_highfield(
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
        strength = inputs.field_strength
        record = {
            'source': inputs.source,
            'field_T': float(strength) if isdefined(strength) else None,
            # From its world to that of the scan, mm.
            **{key: value for key, value in found.items() if key not in ('name', 'reference')},
            'mask': MASK,
            'intensities': 'fitted linearly to those of the high-field image inside that mask',
        }
        note = (
            f'The high-field image was registered rigidly: moved by {found["rotation_deg"]:.1f} '
            f'degrees and {found["translation_mm"]:.1f} mm, {found["measure"]} '
            f'{found["similarity_before"]:.3f} before and {found["similarity_after"]:.3f} after; '
            f'compared inside {MASK}.'
        )
        return values, reasons, record, note
