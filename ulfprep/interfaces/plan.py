"""Contrast plans, and tissue means of a scan that others shall look like, as Nipype nodes."""

import os
from dataclasses import replace

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    isdefined,
    traits,
)

from ulfprep.bids.files import read_json, write_json
from ulfprep.interfaces.volumes import (
    if_given,
    read_mask,
    read_probabilities,
    read_volume,
)
from ulfprep.note import warning


class _PlanInputSpec(BaseInterfaceInputSpec):
    preproc = File(exists=True, mandatory=True)
    brain_mask = File(exists=True, mandatory=True)
    probsegs = traits.List(File(exists=True), mandatory=True)
    metadata = traits.Dict(mandatory=True, desc='sidecar fields of the scan')
    source_field = traits.Float(mandatory=True, desc='tesla')
    target_field = traits.Float(mandatory=True, desc='tesla')
    modality = traits.Enum('T1w', 'T2w', 'FLAIR', usedefault=True)
    source_sequence = traits.Any(None, usedefault=True, desc='Stated Sequence')
    target_sequence = traits.Any(None, usedefault=True, desc='Stated Sequence')
    target_contrast = traits.Dict(usedefault=True, desc='pair of tissues -> contrast')
    like = File(exists=True, desc='tissue means of a scan to look like, JSON')
    relaxation = traits.Any(None, usedefault=True, desc='Stated measurements')
    resolution = traits.Dict(desc='voxel_size_mm at acquisition and its source')
    segmentation = traits.Dict(desc='what the segmentation measured: means, unmixed')
    psf = traits.Str('gaussian', usedefault=True)


class _PlanOutputSpec(TraitedSpec):
    plan_file = File(exists=True, desc='JSON')


class PlanContrast(SimpleInterface):
    """Tissue means, targets, contrast vector; see :func:`ulfprep.physics.plan.plan_contrast`."""

    input_spec = _PlanInputSpec
    output_spec = _PlanOutputSpec

    def _run_interface(self, runtime):
        from ulfprep.physics.plan import Wishes, plan_contrast
        from ulfprep.segmentation.checks import misplaced

        inputs = self.inputs
        sequence = inputs.target_sequence
        data, grid = read_volume(inputs.preproc)
        found = if_given(inputs.segmentation, {})
        mask, probs = read_mask(inputs.brain_mask), read_probabilities(inputs.probsegs)
        plan = plan_contrast(
            data,
            mask,
            probs,
            grid.zooms,
            inputs.metadata,
            inputs.source_field,
            inputs.target_field,
            modality=inputs.modality,
            wishes=Wishes(
                sequence=sequence and sequence.value,
                sequence_name=sequence.name if sequence else '',
                contrasts=inputs.target_contrast,
                reference=read_json(inputs.like) if isdefined(inputs.like) else None,
                relaxation=inputs.relaxation.value if inputs.relaxation else (),
            ),
            stated_sequence=inputs.source_sequence and inputs.source_sequence.value,
            resolution=if_given(inputs.resolution),
            psf=inputs.psf,
            means=found['means'] if found.get('unmixed') else None,
            noise=found.get('noise'),
        )
        notes = [*plan.notes, *found.get('notes', [])]
        if wrong := misplaced(probs, mask, grid.zooms):
            notes.append(warning(wrong))
        path = os.path.join(runtime.cwd, 'plan.json')
        write_json(path, replace(plan, notes=tuple(notes)).to_json())
        self._results['plan_file'] = path
        return runtime


class _MeasureInputSpec(BaseInterfaceInputSpec):
    preproc = File(exists=True, mandatory=True, desc='bias-corrected scan')
    brain_mask = File(exists=True, mandatory=True)
    probsegs = traits.List(File(exists=True), mandatory=True)
    segmentation = traits.Dict(mandatory=True, desc='what the segmentation measured: noise')
    name = traits.Str(mandatory=True, desc='what the scan is called in reports')


class _MeasureOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc='means, standard_errors, name; JSON')


class MeasureTissues(SimpleInterface):
    """Tissue means of a scan that others shall look like."""

    input_spec = _MeasureInputSpec
    output_spec = _MeasureOutputSpec

    def _run_interface(self, runtime):
        from ulfprep.physics.contrast import tissue_statistics
        from ulfprep.physics.noise import estimate_noise
        from ulfprep.physics.targets import target_from_reference

        data, grid = read_volume(self.inputs.preproc)
        mask, probs = read_mask(self.inputs.brain_mask), read_probabilities(self.inputs.probsegs)
        sigma = self.inputs.segmentation.get('noise', {}).get('sigma')
        if sigma is None:  # FAST does not look at it
            sigma = estimate_noise(data, mask, grid.zooms).sigma
        found = tissue_statistics(data, probs, sigma, grid.zooms)
        path = os.path.join(runtime.cwd, 'target.json')
        measured = {
            'name': self.inputs.name,
            'means': found.means.tolist(),
            'standard_errors': found.standard_errors.tolist(),
        }
        target_from_reference(**measured)  # refuses what is no target, before any scan is run
        write_json(path, measured)
        self._results['out_file'] = path
        return runtime
