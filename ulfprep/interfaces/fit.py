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

from ulfprep.bids.files import write_json
from ulfprep.interfaces.together import OfSeveral, SeveralInputSpec
from ulfprep.interfaces.volumes import (
    if_given,
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


class _FitInputSpec(SeveralInputSpec, _TorchInputSpec):
    sloppy = traits.Bool(False, usedefault=True)
    likelihood = traits.Enum('rician', 'mae', usedefault=True)
    backbone = traits.Enum(*BACKBONES, usedefault=True)
    seed = traits.Int(mandatory=True)
    label = traits.Str('', usedefault=True, nohash=True, desc='name in progress lines')
    alone = traits.Bool(True, usedefault=True, nohash=True, desc='no other scan at a time')
    tissues = traits.List(
        File(exists=True), desc='of all scans that were segmented at once, on the lattice'
    )


class _FitOutputSpec(TraitedSpec):
    fit_file = File(exists=True, desc='the fitted field')
    history_file = File(exists=True, desc='JSON: history, options as used, device')
    registration_files = traits.List(File(exists=True), desc='of all scans but the anchor')


class FitField(OfSeveral):
    """Fit one field to a scan, or to several; see :func:`ulfprep.inr.fit.fit_scans`."""

    input_spec = _FitInputSpec
    output_spec = _FitOutputSpec

    def _run_interface(self, runtime):
        import torch

        from ulfprep.inr import fit_scans
        from ulfprep.interfaces.progress import Progress

        inputs = self.inputs
        torch.set_num_threads(inputs.n_threads)
        fit = fit_scans(
            [_acquisition(scan, modality) for scan, modality in self.each()],
            _options(inputs),
            inputs.device,
            inputs.seed,
            progress=Progress(inputs.label, sys.stderr, None if inputs.alone else False),
            tissues=read_probabilities(inputs.tissues) if isdefined(inputs.tissues) else None,
        )
        self._results |= _keep(fit, runtime.cwd, inputs.device)
        _, *others = self.each()
        self._results['registration_files'] = [scan.registration_file for scan, _ in others]
        return runtime


def _acquisition(scan, modality: str):
    from ulfprep.inr.acquisition import Acquisition

    data, grid = read_volume(scan.preproc)
    lattice = if_given(scan.lattice_probsegs)
    return Acquisition(
        data,
        read_mask(scan.brain_mask),
        read_probabilities(scan.probsegs),
        moved_grid(grid, scan.registration_file)[0],
        read_plan(scan.plan_file),
        read_probabilities(lattice) if lattice else None,
        modality,
    )


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


class RenderInputSpec(_TorchInputSpec):
    """What rendering needs, alone or with measuring."""

    fit_file = File(exists=True, mandatory=True)
    preproc = File(exists=True, mandatory=True, desc='scan whose axes the fine grid takes')
    spacing = traits.Float(1.0, usedefault=True, desc='mm')
    registration_file = File(exists=True, desc='of that scan, where it is not the anchor')
    contrast = traits.Str(desc='modality, where the field shows several')


class RenderOutputSpec(TraitedSpec):
    """What is rendered inside the brain, and zero outside."""

    enhanced = File(exists=True)
    fine_probsegs = traits.List(File(exists=True), desc='CSF, GM, WM')
    fine_dseg = File(exists=True)
    uncertainty = File(exists=True)
    entropy = File(exists=True)
    claim = File(exists=True)


class _RenderKeptOutputSpec(TraitedSpec):
    kept = traits.Dict(desc='files by the names of :class:`RenderOutputSpec`')


class RenderKept(SimpleInterface):
    """Render a fitted field on the isotropic grid of the images that are kept."""

    input_spec = RenderInputSpec
    output_spec = _RenderKeptOutputSpec

    def _run_interface(self, runtime):
        self._results['kept'] = rendered(self.inputs, runtime.cwd)
        return runtime


def rendered(inputs, folder: str) -> dict:
    """Render a field (:func:`ulfprep.inr.render.render`) into a folder; return files by name."""
    import torch

    from ulfprep.inr import load_fit, render
    from ulfprep.physics.grid import isotropic_grid

    torch.set_num_threads(inputs.n_threads)
    grid = isotropic_grid(read_volume(inputs.preproc)[1], inputs.spacing)
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
