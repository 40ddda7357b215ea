"""Baseline and metrics as Nipype nodes."""

import os

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    traits,
)

from ulfprep.bids.files import write_json
from ulfprep.interfaces.volumes import (
    read_mask,
    read_plan,
    read_probabilities,
    read_volume,
    write_volume,
)


class _BicubicInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc='bias-corrected scan')
    enhanced = File(exists=True, mandatory=True, desc='image whose grid is the target')


class _BicubicOutputSpec(TraitedSpec):
    out_file = File(exists=True)


class Bicubic(SimpleInterface):
    """Cubic interpolation of the scan: what enhancement is held against."""

    input_spec = _BicubicInputSpec
    output_spec = _BicubicOutputSpec

    def _run_interface(self, runtime):
        from ulfprep.physics.interpolation import bicubic

        data, grid = read_volume(self.inputs.in_file)
        fine_grid = read_volume(self.inputs.enhanced)[1]
        result = bicubic(data, grid, fine_grid)
        self._results['out_file'] = write_volume(runtime.cwd, 'bicubic', result, fine_grid.affine)
        return runtime


class _MetricsOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc='JSON: metrics, null_reasons')


class _EnhanceMetricsInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc='bias-corrected scan')
    in_mask = File(exists=True, mandatory=True)
    probsegs = traits.List(File(exists=True), mandatory=True)
    enhanced = File(exists=True, mandatory=True)
    fine_probsegs = traits.List(File(exists=True), mandatory=True)
    fine_dseg = File(exists=True, mandatory=True)
    bicubic = File(exists=True, mandatory=True)
    residual = File(exists=True, mandatory=True)
    uncertainty = File(exists=True, mandatory=True)
    entropy = File(exists=True, mandatory=True)
    claim = File(exists=True, mandatory=True)
    plan_file = File(exists=True, mandatory=True)
    conformed = File(exists=True, mandatory=True, desc='scan before bias correction')
    bias_field = File(exists=True, mandatory=True)
    no_reference = traits.Str('', usedefault=True, desc='why there is no high-field image')


class _EnhanceMetricsOutputSpec(_MetricsOutputSpec):
    tissue_change = File(exists=True, desc='share of each voxel that changed its tissue')
    tissue_move = File(exists=True, desc='main move, place in tissue_change.MOVES plus one')


class EnhanceMetrics(SimpleInterface):
    """Metrics of an enhanced scan and the maps of its change of tissues.

    See :func:`ulfprep.metrics.summary.enhance_metrics` and
    :func:`ulfprep.metrics.tissue_change.tissue_change`.
    """

    input_spec = _EnhanceMetricsInputSpec
    output_spec = _EnhanceMetricsOutputSpec

    def _run_interface(self, runtime):
        from ulfprep.metrics.registry import names_of
        from ulfprep.metrics.summary import enhance_metrics
        from ulfprep.metrics.tissue_change import tissue_change

        inputs = self.inputs
        scan, grid = read_volume(inputs.in_file)
        enhanced, fine_grid = read_volume(inputs.enhanced)
        mask, plan = read_mask(inputs.in_mask), read_plan(inputs.plan_file)
        probs = read_probabilities(inputs.probsegs)
        fine_probs = read_probabilities(inputs.fine_probsegs)
        change = tissue_change(
            probs, fine_probs, mask, grid, fine_grid, plan.psf_fwhm_mm, plan.psf
        )
        values, reasons = enhance_metrics(
            scan=scan,
            scan_mask=mask,
            scan_grid=grid,
            scan_probs=probs,
            enhanced=enhanced,
            fine_probs=fine_probs,
            # The field is rendered inside the brain only.
            fine_mask=read_mask(inputs.fine_dseg),
            fine_grid=fine_grid,
            bicubic=read_volume(inputs.bicubic)[0],
            residual=read_volume(inputs.residual)[0],
            uncertainty=read_volume(inputs.uncertainty)[0],
            entropy=read_volume(inputs.entropy)[0],
            claim=read_volume(inputs.claim)[0],
            plan=plan,
            conformed=read_volume(inputs.conformed)[0],
            bias_field=read_volume(inputs.bias_field)[0],
            change=change,
        )
        values = values | dict.fromkeys(names_of('compare'))
        reasons = reasons | dict.fromkeys(names_of('compare'), inputs.no_reference)
        self._results['out_file'] = _write(runtime.cwd, values, reasons)
        for name, data in (
            ('tissue_change', change.distance),
            ('tissue_move', change.main_move),
        ):
            self._results[name] = write_volume(runtime.cwd, name, data, grid.affine)
        return runtime


class _SimulateMetricsInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True)
    in_mask = File(exists=True, mandatory=True)
    probsegs = traits.List(File(exists=True), mandatory=True)
    simulated = File(exists=True, mandatory=True)
    facts = traits.Any(mandatory=True, desc='SimulationRecord')
    plan_file = File(exists=True, mandatory=True)
    conformed = File(exists=True, mandatory=True, desc='source before bias correction')
    bias_field = File(exists=True, mandatory=True)


class SimulateMetrics(SimpleInterface):
    """Metrics of a simulated scan; see :func:`ulfprep.metrics.summary.simulate_metrics`."""

    input_spec = _SimulateMetricsInputSpec
    output_spec = _MetricsOutputSpec

    def _run_interface(self, runtime):
        from ulfprep.metrics.summary import simulate_metrics

        source, grid = read_volume(self.inputs.in_file)
        simulated, simulated_grid = read_volume(self.inputs.simulated)
        values, reasons = simulate_metrics(
            scan=source,
            scan_mask=read_mask(self.inputs.in_mask),
            scan_probs=read_probabilities(self.inputs.probsegs),
            scan_grid=grid,
            simulated=simulated,
            simulated_grid=simulated_grid,
            plan=read_plan(self.inputs.plan_file),
            facts=self.inputs.facts,
            conformed=read_volume(self.inputs.conformed)[0],
            bias_field=read_volume(self.inputs.bias_field)[0],
        )
        self._results['out_file'] = _write(runtime.cwd, values, reasons)
        return runtime


def _write(folder: str, values: dict, reasons: dict) -> str:
    """Write metrics beside the reasons for those that are missing."""
    path = os.path.join(folder, 'metrics.json')
    write_json(path, {'metrics': values, 'null_reasons': reasons})
    return path
