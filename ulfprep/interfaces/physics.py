"""Contrast plan, simulation and data-consistency residual as Nipype nodes."""

import os

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    traits,
)

from ulfprep.bids.files import read_json, write_json
from ulfprep.interfaces.volumes import (
    read_mask,
    read_probabilities,
    read_volume,
    write_volume,
)


class _PlanInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True)
    in_mask = File(exists=True, mandatory=True)
    probsegs = traits.List(File(exists=True), mandatory=True)
    metadata = traits.Dict(mandatory=True, desc='sidecar fields of the scan')
    source_field = traits.Float(mandatory=True, desc='tesla')
    target_field = traits.Float(mandatory=True, desc='tesla')


class _PlanOutputSpec(TraitedSpec):
    plan_file = File(exists=True, desc='JSON')


class PlanContrast(SimpleInterface):
    """Tissue means, targets, contrast vector; see :func:`ulfprep.physics.plan.plan_contrast`."""

    input_spec = _PlanInputSpec
    output_spec = _PlanOutputSpec

    def _run_interface(self, runtime):
        from ulfprep.physics.plan import plan_contrast

        data, grid = read_volume(self.inputs.in_file)
        plan = plan_contrast(
            data,
            read_mask(self.inputs.in_mask),
            read_probabilities(self.inputs.probsegs),
            grid.zooms,
            self.inputs.metadata,
            self.inputs.source_field,
            self.inputs.target_field,
        )
        path = os.path.join(runtime.cwd, 'plan.json')
        write_json(path, plan)
        self._results['plan_file'] = path
        return runtime


class _ResidualInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc='bias-corrected scan')
    in_mask = File(exists=True, mandatory=True)
    enhanced = File(exists=True, mandatory=True)
    fine_probsegs = traits.List(File(exists=True), mandatory=True)
    plan_file = File(exists=True, mandatory=True)


class _ResidualOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc='units of noise standard deviations')


class Residual(SimpleInterface):
    """The scan less the enhanced image pushed back through the forward model."""

    input_spec = _ResidualInputSpec
    output_spec = _ResidualOutputSpec

    def _run_interface(self, runtime):
        from ulfprep.physics.forward import residual

        data, grid = read_volume(self.inputs.in_file)
        enhanced, fine_grid = read_volume(self.inputs.enhanced)
        result = residual(
            data,
            read_mask(self.inputs.in_mask),
            enhanced,
            read_probabilities(self.inputs.fine_probsegs),
            grid,
            fine_grid,
            read_json(self.inputs.plan_file),
        )
        self._results['out_file'] = write_volume(runtime.cwd, 'residual', result, grid.affine)
        return runtime


class _SimulateInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True)
    in_mask = File(exists=True, mandatory=True)
    probsegs = traits.List(File(exists=True), mandatory=True)
    plan_file = File(exists=True, mandatory=True)
    seed = traits.Int(mandatory=True)


class _SimulateOutputSpec(TraitedSpec):
    out_file = File(exists=True)


class Simulate(SimpleInterface):
    """A scan as an ultra-low-field scanner would see it."""

    input_spec = _SimulateInputSpec
    output_spec = _SimulateOutputSpec

    def _run_interface(self, runtime):
        from ulfprep.physics.forward import simulate

        data, grid = read_volume(self.inputs.in_file)
        simulated, ulf_grid = simulate(
            data,
            read_mask(self.inputs.in_mask),
            read_probabilities(self.inputs.probsegs),
            grid,
            read_json(self.inputs.plan_file),
            self.inputs.seed,
        )
        self._results['out_file'] = write_volume(
            runtime.cwd, 'simulated', simulated, ulf_grid.affine
        )
        return runtime
