"""Fit and rendering of the field as Nipype nodes."""

import dataclasses
import os
import sys

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
    read_probabilities,
    read_volume,
    write_probabilities,
    write_volume,
)
from ulfprep.settings import BACKBONES


class _TorchInputSpec(BaseInterfaceInputSpec):
    device = traits.Str('cpu', usedefault=True)
    # Nipype throttles nodes by this name of a trait.
    use_gpu = traits.Bool(False, usedefault=True, nohash=True)
    n_threads = traits.Int(1, usedefault=True, nohash=True)


class _FitInputSpec(_TorchInputSpec):
    in_file = File(exists=True, mandatory=True, desc='bias-corrected scan')
    in_mask = File(exists=True, mandatory=True)
    probsegs = traits.List(File(exists=True), mandatory=True, desc='CSF, GM, WM')
    lattice_probsegs = traits.List(
        File(exists=True), desc='the same on the lattice of the fit, where there are any'
    )
    plan_file = File(exists=True, mandatory=True)
    sloppy = traits.Bool(False, usedefault=True)
    likelihood = traits.Enum('rician', 'mae', usedefault=True)
    backbone = traits.Enum(*BACKBONES, usedefault=True)
    seed = traits.Int(mandatory=True)
    label = traits.Str('', usedefault=True, nohash=True, desc='name in progress lines')
    alone = traits.Bool(True, usedefault=True, nohash=True, desc='no other scan at a time')


class _FitOutputSpec(TraitedSpec):
    fit_file = File(exists=True, desc='the fitted field')
    history_file = File(exists=True, desc='JSON: history, options as used, device')


class FitField(SimpleInterface):
    """Fit the field through the forward model; see :func:`ulfprep.inr.fit.fit_scan`."""

    input_spec = _FitInputSpec
    output_spec = _FitOutputSpec

    def _run_interface(self, runtime):
        import torch

        from ulfprep.inr import FitOptions, fit_scan, save_fit
        from ulfprep.interfaces.progress import Progress

        inputs = self.inputs
        torch.set_num_threads(inputs.n_threads)
        make = FitOptions.sloppy if inputs.sloppy else FitOptions.default
        options = dataclasses.replace(make(inputs.backbone), likelihood=inputs.likelihood)
        data, grid = read_volume(inputs.in_file)
        lattice = None
        if isdefined(inputs.lattice_probsegs) and inputs.lattice_probsegs:
            lattice = read_probabilities(inputs.lattice_probsegs)
        progress = Progress(inputs.label, sys.stderr, None if inputs.alone else False)
        fit = fit_scan(
            data,
            read_mask(inputs.in_mask),
            read_probabilities(inputs.probsegs),
            grid,
            read_json(inputs.plan_file),
            options,
            inputs.device,
            inputs.seed,
            progress=progress,
            lattice_probs=lattice,
        )
        self._results['fit_file'] = os.path.join(runtime.cwd, 'field.pt')
        save_fit(fit, self._results['fit_file'])
        self._results['history_file'] = os.path.join(runtime.cwd, 'history.json')
        write_json(
            self._results['history_file'],
            {
                'history': fit.history,
                'options': dataclasses.asdict(fit.options),
                'stopped': fit.stopped,
                'notes': list(fit.notes),
                'device': inputs.device,
            },
        )
        return runtime


class _RenderInputSpec(_TorchInputSpec):
    fit_file = File(exists=True, mandatory=True)
    in_file = File(exists=True, mandatory=True, desc='scan whose axes the fine grid takes')
    spacing = traits.Float(1.0, usedefault=True, desc='mm')


class _RenderOutputSpec(TraitedSpec):
    enhanced = File(exists=True)
    probsegs = traits.List(File(exists=True), desc='CSF, GM, WM')
    dseg = File(exists=True)
    uncertainty = File(exists=True)
    entropy = File(exists=True)
    claim = File(exists=True)


class RenderField(SimpleInterface):
    """Render a fitted field on the isotropic grid; see :func:`ulfprep.inr.render.render`."""

    input_spec = _RenderInputSpec
    output_spec = _RenderOutputSpec

    def _run_interface(self, runtime):
        import torch

        from ulfprep.inr import load_fit, render
        from ulfprep.physics.grid import isotropic_grid

        torch.set_num_threads(self.inputs.n_threads)
        grid = isotropic_grid(read_volume(self.inputs.in_file)[1], self.inputs.spacing)
        result = render(load_fit(self.inputs.fit_file), grid, self.inputs.device)
        cwd, affine = runtime.cwd, grid.affine
        self._results['enhanced'] = write_volume(cwd, 'enhanced', result.intensity, affine)
        self._results['probsegs'] = write_probabilities(cwd, 'probseg', result.probs, affine)
        self._results['dseg'] = write_volume(cwd, 'dseg', result.dseg, affine)
        for name in ('uncertainty', 'entropy', 'claim'):
            self._results[name] = write_volume(cwd, name, getattr(result, name), affine)
        return runtime
