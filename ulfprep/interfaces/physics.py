"""Contrast plan and simulation as Nipype nodes."""

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
    read_mask,
    read_plan,
    read_probabilities,
    read_volume,
    write_volume,
)
from ulfprep.note import warning


class _PlanInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True)
    in_mask = File(exists=True, mandatory=True)
    probsegs = traits.List(File(exists=True), mandatory=True)
    metadata = traits.Dict(mandatory=True, desc='sidecar fields of the scan')
    source_field = traits.Float(mandatory=True, desc='tesla')
    target_field = traits.Float(mandatory=True, desc='tesla')
    modality = traits.Enum('T1w', 'T2w', 'FLAIR', usedefault=True)
    source_sequence = traits.Any(None, usedefault=True, desc='Stated Sequence')
    target_sequence = traits.Any(None, usedefault=True, desc='Stated Sequence')
    target_contrast = traits.Dict(usedefault=True, desc='pair of tissues -> contrast')
    reference_file = File(exists=True, desc='tissue means of a scan to look like, JSON')
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
        reference = inputs.reference_file
        data, grid = read_volume(inputs.in_file)
        found = inputs.segmentation if isdefined(inputs.segmentation) else {}
        mask, probs = read_mask(inputs.in_mask), read_probabilities(inputs.probsegs)
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
                sequence=inputs.target_sequence,
                contrasts=inputs.target_contrast,
                reference=read_json(reference) if isdefined(reference) else None,
                relaxation=inputs.relaxation.value if inputs.relaxation else (),
            ),
            stated_sequence=inputs.source_sequence and inputs.source_sequence.value,
            resolution=inputs.resolution if isdefined(inputs.resolution) else None,
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
    in_file = File(exists=True, mandatory=True, desc='bias-corrected scan')
    in_mask = File(exists=True, mandatory=True)
    probsegs = traits.List(File(exists=True), mandatory=True)
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

        data, grid = read_volume(self.inputs.in_file)
        noise = estimate_noise(data, read_mask(self.inputs.in_mask), grid.zooms)
        probs = read_probabilities(self.inputs.probsegs)
        found = tissue_statistics(data, probs, noise.sigma, grid.zooms)
        path = os.path.join(runtime.cwd, 'reference.json')
        means, errors = found.means.tolist(), found.standard_errors.tolist()
        if not all(value > 0 for value in means):
            raise ValueError(f'{self.inputs.name}: its tissues could not all be measured')
        write_json(path, {'name': self.inputs.name, 'means': means, 'standard_errors': errors})
        self._results['out_file'] = path
        return runtime


class _SimulateInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True)
    in_mask = File(exists=True, mandatory=True)
    probsegs = traits.List(File(exists=True), mandatory=True)
    plan_file = File(exists=True, mandatory=True)
    seed = traits.Int(mandatory=True)
    label = traits.Str(mandatory=True, desc='name of the scan: no two share their noise')
    voxel_size = traits.List(traits.Float, minlen=3, maxlen=3, mandatory=True, desc='mm')
    snr = traits.Float(desc='of white matter; that of physics without')
    n_realisations = traits.Int(1, usedefault=True)
    bias_strength = traits.Float(0.0, usedefault=True)
    noise_fwhm = traits.Float(0.0, usedefault=True, desc='mm')
    keep_head = traits.Bool(False, usedefault=True)


class _SimulateOutputSpec(TraitedSpec):
    out_files = traits.List(File(exists=True), desc='one a realisation')
    first = File(exists=True, desc='the first of them')
    facts = traits.Any(desc='SimulationRecord')


class Simulate(SimpleInterface):
    """Scans as an ultra-low-field scanner would make them of a high-field one."""

    input_spec = _SimulateInputSpec
    output_spec = _SimulateOutputSpec

    def _run_interface(self, runtime):
        from ulfprep.physics.simulation import realise, simulate
        from ulfprep.record import SimulationRecord

        inputs = self.inputs
        data, grid = read_volume(inputs.in_file)
        plan = read_plan(inputs.plan_file)
        simulation = simulate(
            data,
            read_mask(inputs.in_mask),
            read_probabilities(inputs.probsegs),
            grid,
            plan,
            voxel_size=inputs.voxel_size,
            psf=plan.psf,
            snr=inputs.snr if isdefined(inputs.snr) else None,
            bias_strength=inputs.bias_strength,
            noise_fwhm=inputs.noise_fwhm,
            keep_head=inputs.keep_head,
            seed=inputs.seed,
            label=inputs.label,
        )
        self._results['out_files'] = [
            write_volume(
                runtime.cwd,
                f'simulated{index}',
                realise(simulation, inputs.seed, inputs.label, index),
                simulation.grid.affine,
            )
            for index in range(1, inputs.n_realisations + 1)
        ]
        self._results['first'] = self._results['out_files'][0]
        self._results['facts'] = SimulationRecord(
            voxel_size_mm=tuple(float(v) for v in inputs.voxel_size),
            psf=plan.psf,
            snr=float(plan.target_means[2] / simulation.sigma),
            noise_sd=float(simulation.sigma),
            bias_strength=float(inputs.bias_strength),
            noise_fwhm_mm=float(inputs.noise_fwhm),
            keep_head=bool(inputs.keep_head),
            seed=int(inputs.seed),
            stream=inputs.label,
            n_realisations=int(inputs.n_realisations),
        )
        return runtime
