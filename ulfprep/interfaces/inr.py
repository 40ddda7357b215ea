"""Fit and rendering of the field as Nipype nodes."""

import dataclasses
import os
import sys

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    DynamicTraitedSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    isdefined,
    traits,
)
from nipype.interfaces.io import add_traits

from ulfprep.bids.files import write_json
from ulfprep.interfaces.volumes import (
    moved_grid,
    read_mask,
    read_plan,
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


class _AnyFitInputSpec(_TorchInputSpec):
    sloppy = traits.Bool(False, usedefault=True)
    likelihood = traits.Enum('rician', 'mae', usedefault=True)
    backbone = traits.Enum(*BACKBONES, usedefault=True)
    seed = traits.Int(mandatory=True)
    label = traits.Str('', usedefault=True, nohash=True, desc='name in progress lines')
    alone = traits.Bool(True, usedefault=True, nohash=True, desc='no other scan at a time')


class _FitInputSpec(_AnyFitInputSpec):
    in_file = File(exists=True, mandatory=True, desc='bias-corrected scan')
    in_mask = File(exists=True, mandatory=True)
    probsegs = traits.List(File(exists=True), mandatory=True, desc='CSF, GM, WM')
    lattice_probsegs = traits.List(
        File(exists=True), desc='the same on the lattice of the fit, where there are any'
    )
    plan_file = File(exists=True, mandatory=True)


class _FitOutputSpec(TraitedSpec):
    fit_file = File(exists=True, desc='the fitted field')
    history_file = File(exists=True, desc='JSON: history, options as used, device')


def _options(inputs):
    """Return the options of a fit from the inputs of its node."""
    from ulfprep.inr import FitOptions

    make = FitOptions.sloppy if inputs.sloppy else FitOptions.default
    return dataclasses.replace(make(inputs.backbone), likelihood=inputs.likelihood)


def _keep(fit, folder: str, device: str) -> dict[str, str]:
    """Write a fit and what is to be known of it; return the outputs of its node."""
    from ulfprep.inr import save_fit

    files = {
        'fit_file': os.path.join(folder, 'field.pt'),
        'history_file': os.path.join(folder, 'history.json'),
    }
    save_fit(fit, files['fit_file'])
    write_json(
        files['history_file'],
        {
            'history': fit.history,
            'options': dataclasses.asdict(fit.options),
            'stopped': fit.stopped,
            'notes': list(fit.notes),
            'device': device,
        },
    )
    return files


class FitField(SimpleInterface):
    """Fit the field through the forward model; see :func:`ulfprep.inr.fit.fit_scan`."""

    input_spec = _FitInputSpec
    output_spec = _FitOutputSpec

    def _run_interface(self, runtime):
        import torch

        from ulfprep.inr import fit_scan
        from ulfprep.interfaces.progress import Progress

        inputs = self.inputs
        torch.set_num_threads(inputs.n_threads)
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
            read_plan(inputs.plan_file),
            _options(inputs),
            inputs.device,
            inputs.seed,
            progress=progress,
            lattice_probs=lattice,
        )
        self._results |= _keep(fit, runtime.cwd, inputs.device)
        return runtime


#: What a fit of several scans is told of each, as inputs ``<name>_<number>``.
OF_EACH = ('in_file', 'in_mask', 'probsegs', 'lattice_probsegs', 'plan_file', 'registration_file')


class _FitScansInputSpec(DynamicTraitedSpec, _AnyFitInputSpec):
    modalities = traits.List(traits.Str, mandatory=True, desc='of the scans, the reference first')
    tissues = traits.List(
        File(exists=True), desc='of all scans of the first contrast, on the lattice over the first'
    )


class _FitScansOutputSpec(_FitOutputSpec):
    registration_files = traits.List(File(exists=True), desc='of all scans but the reference')


class FitScans(SimpleInterface):
    """Fit one field to several scans; see :func:`ulfprep.inr.fit.fit_scans`.

    Each scan has its own inputs (:data:`OF_EACH`), numbered from one. Lists would lose the
    places of scans that have no tissues on the lattice.
    """

    input_spec = _FitScansInputSpec
    output_spec = _FitScansOutputSpec

    def __init__(self, modalities, **inputs):
        super().__init__(modalities=list(modalities), **inputs)
        numbers = range(1, len(modalities) + 1)
        add_traits(self.inputs, [f'{name}_{number}' for number in numbers for name in OF_EACH])

    def _run_interface(self, runtime):
        import torch

        from ulfprep.inr import fit_scans
        from ulfprep.interfaces.progress import Progress

        inputs = self.inputs
        torch.set_num_threads(inputs.n_threads)
        progress = Progress(inputs.label, sys.stderr, None if inputs.alone else False)
        fit = fit_scans(
            [self._acquisition(k, name) for k, name in enumerate(inputs.modalities, 1)],
            _options(inputs),
            inputs.device,
            inputs.seed,
            progress=progress,
            tissues=read_probabilities(inputs.tissues) if isdefined(inputs.tissues) else None,
        )
        self._results |= _keep(fit, runtime.cwd, inputs.device)
        self._results['registration_files'] = [
            getattr(inputs, f'registration_file_{number}')
            for number in range(2, len(inputs.modalities) + 1)
        ]
        return runtime

    def _acquisition(self, number: int, modality: str):
        from ulfprep.inr import Acquisition

        given = {name: getattr(self.inputs, f'{name}_{number}') for name in OF_EACH}
        data, grid = read_volume(given['in_file'])
        lattice = given['lattice_probsegs']
        return Acquisition(
            data,
            read_mask(given['in_mask']),
            read_probabilities(given['probsegs']),
            moved_grid(grid, given['registration_file'])[0],
            read_plan(given['plan_file']),
            read_probabilities(lattice) if isdefined(lattice) and lattice else None,
            modality,
        )


class RenderInputSpec(_TorchInputSpec):
    """What rendering needs, alone or with measuring."""

    fit_file = File(exists=True, mandatory=True)
    in_file = File(exists=True, mandatory=True, desc='scan whose axes the fine grid takes')
    spacing = traits.Float(1.0, usedefault=True, desc='mm')
    registration_file = File(exists=True, desc='of that scan, where it is not the reference')
    contrast = traits.Str(desc='modality, where the field shows several')


class RenderOutputSpec(TraitedSpec):
    """What is rendered."""

    enhanced = File(exists=True)
    fine_probsegs = traits.List(File(exists=True), desc='CSF, GM, WM')
    fine_dseg = File(exists=True)
    uncertainty = File(exists=True)
    entropy = File(exists=True)
    claim = File(exists=True)


class RenderField(SimpleInterface):
    """Render a fitted field on the isotropic grid; see :func:`ulfprep.inr.render.render`."""

    input_spec = RenderInputSpec
    output_spec = RenderOutputSpec

    def _run_interface(self, runtime):
        self._results |= rendered(self.inputs, runtime.cwd)
        return runtime


def rendered(inputs, folder: str) -> dict:
    """Render a field, write the images into a folder, and return the outputs of the node."""
    import torch

    from ulfprep.inr import load_fit, render
    from ulfprep.physics.grid import isotropic_grid

    torch.set_num_threads(inputs.n_threads)
    grid = isotropic_grid(read_volume(inputs.in_file)[1], inputs.spacing)
    there, back = moved_grid(grid, inputs.registration_file)
    more = {'contrast': inputs.contrast} if isdefined(inputs.contrast) else {}
    result = render(load_fit(inputs.fit_file), there, inputs.device, **more)
    # Written where the scan itself lies.
    affine = back @ there.affine
    return {
        'enhanced': write_volume(folder, 'enhanced', result.intensity, affine),
        'fine_probsegs': write_probabilities(folder, 'probseg', result.probs, affine),
        'fine_dseg': write_volume(folder, 'dseg', result.dseg, affine),
        **{
            name: write_volume(folder, name, getattr(result, name), affine)
            for name in ('uncertainty', 'entropy', 'claim')
        },
    }
