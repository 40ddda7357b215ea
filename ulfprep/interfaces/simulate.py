"""Simulated scans and their metrics as a Nipype node."""

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    traits,
)

from ulfprep.interfaces.measure import write_metrics
from ulfprep.interfaces.volumes import (
    if_given,
    read_mask,
    read_plan,
    read_probabilities,
    read_volume,
    write_volume,
)


class _SimulateInputSpec(BaseInterfaceInputSpec):
    preproc = File(exists=True, mandatory=True)
    brain_mask = File(exists=True, mandatory=True)
    probsegs = traits.List(File(exists=True), mandatory=True)
    plan_file = File(exists=True, mandatory=True)
    conformed = File(exists=True, mandatory=True, desc='source before bias correction')
    bias_field = File(exists=True, mandatory=True)
    seed = traits.Int(mandatory=True)
    label = traits.Str(mandatory=True, desc='name of the scan: no two share their noise')
    voxel_size = traits.List(traits.Float, minlen=3, maxlen=3, mandatory=True, desc='mm')
    snr = traits.Float(desc='of white matter; that of physics without')
    n_realisations = traits.Int(1, usedefault=True)
    bias_strength = traits.Float(0.0, usedefault=True)
    noise_fwhm = traits.Float(0.0, usedefault=True, desc='mm')
    keep_head = traits.Bool(False, usedefault=True)


class _SimulateOutputSpec(TraitedSpec):
    simulated_files = traits.List(File(exists=True), desc='one a realisation')
    simulated = File(exists=True, desc='the first of them')
    facts = traits.Any(desc='SimulationRecord')
    metrics_file = File(exists=True, desc='JSON: metrics, null_reasons')


class Simulate(SimpleInterface):
    """Scans as an ultra-low-field scanner would make them of a high-field one, measured.

    See :func:`ulfprep.physics.simulation.simulate` and
    :class:`ulfprep.metrics.simulated.SimulatedScan`.
    """

    input_spec = _SimulateInputSpec
    output_spec = _SimulateOutputSpec

    def _run_interface(self, runtime):
        from ulfprep.metrics.registry import measure
        from ulfprep.metrics.simulated import SimulatedScan
        from ulfprep.physics.simulation import realise, simulate
        from ulfprep.record import SimulationRecord

        inputs = self.inputs
        data, grid = read_volume(inputs.preproc)
        mask, probs = read_mask(inputs.brain_mask), read_probabilities(inputs.probsegs)
        plan = read_plan(inputs.plan_file)
        simulation = simulate(
            data,
            mask,
            probs,
            grid,
            plan,
            voxel_size=inputs.voxel_size,
            psf=plan.psf,
            snr=if_given(inputs.snr),
            bias_strength=inputs.bias_strength,
            noise_fwhm=inputs.noise_fwhm,
            keep_head=inputs.keep_head,
            seed=inputs.seed,
            label=inputs.label,
        )
        files = [
            write_volume(
                runtime.cwd,
                f'simulated{index}',
                realise(simulation, inputs.seed, inputs.label, index),
                simulation.grid.affine,
            )
            for index in range(1, inputs.n_realisations + 1)
        ]
        facts = SimulationRecord(
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
        simulated, simulated_grid = read_volume(files[0])
        subject = SimulatedScan(
            scan=data,
            scan_mask=mask,
            scan_probs=probs,
            scan_grid=grid,
            simulated=simulated,
            simulated_grid=simulated_grid,
            plan=plan,
            facts=facts,
            conformed=read_volume(inputs.conformed)[0],
            bias_field=read_volume(inputs.bias_field)[0],
        )
        self._results |= {
            'simulated_files': files,
            'simulated': files[0],
            'facts': facts,
            'metrics_file': write_metrics(runtime.cwd, *measure(subject, 'simulate')),
        }
        return runtime
