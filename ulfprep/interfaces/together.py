"""Scans of a session in one world, and their tissues at once, as Nipype nodes."""

import os
from types import SimpleNamespace

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    DynamicTraitedSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    traits,
)
from nipype.interfaces.io import add_traits

from ulfprep.bids.files import write_json
from ulfprep.interfaces.volumes import (
    moved_grid,
    read_mask,
    read_plan,
    read_volume,
    write_probabilities,
)


class _RegisterInputSpec(BaseInterfaceInputSpec):
    moving = File(exists=True, mandatory=True, desc='bias-corrected scan')
    moving_mask = File(exists=True, mandatory=True)
    fixed = File(exists=True, mandatory=True, desc='bias-corrected anchor scan')
    fixed_mask = File(exists=True, mandatory=True)
    name = traits.Str(mandatory=True, desc='what the moving scan is called')
    anchor = traits.Str(mandatory=True, desc='what the anchor is called')
    same_contrast = traits.Bool(mandatory=True)


class _RegisterOutputSpec(TraitedSpec):
    registration_file = File(exists=True, desc='JSON')


class RegisterScan(SimpleInterface):
    """Rigid motion; see :func:`ulfprep.physics.registration.register_rigid`."""

    input_spec = _RegisterInputSpec
    output_spec = _RegisterOutputSpec

    def _run_interface(self, runtime):
        from ulfprep.physics.registration import find_motion

        inputs = self.inputs
        moving, moving_grid = read_volume(inputs.moving)
        fixed, fixed_grid = read_volume(inputs.fixed)
        found = find_motion(
            (moving, read_mask(inputs.moving_mask), moving_grid),
            (fixed, read_mask(inputs.fixed_mask), fixed_grid),
            names=(inputs.name, inputs.anchor),
            same_contrast=inputs.same_contrast,
        )
        path = os.path.join(runtime.cwd, 'registration.json')
        write_json(path, found)
        self._results['registration_file'] = path
        return runtime


class SeveralInputSpec(DynamicTraitedSpec, BaseInterfaceInputSpec):
    """Scans of one session, each by inputs of its own: see :class:`OfSeveral`."""

    modalities = traits.List(traits.Str, mandatory=True, desc='of the scans, the anchor first')


class OfSeveral(SimpleInterface):
    """Takes each scan by inputs that end with its number, from one: ``preproc_1``.

    Lists would lose the places of scans that have no tissues on the lattice.
    """

    #: What is told of each scan.
    EACH = (
        'preproc',
        'brain_mask',
        'probsegs',
        'lattice_probsegs',
        'plan_file',
        'registration_file',
    )

    def __init__(self, modalities, **inputs):
        super().__init__(modalities=list(modalities), **inputs)
        numbers = range(1, len(modalities) + 1)
        add_traits(self.inputs, [f'{name}_{number}' for number in numbers for name in self.EACH])

    def each(self):
        """Yield what is told of each scan, a name space, and its modality."""
        for number, modality in enumerate(self.inputs.modalities, 1):
            told = {name: getattr(self.inputs, f'{name}_{number}') for name in self.EACH}
            yield SimpleNamespace(**told), modality


class _TogetherInputSpec(SeveralInputSpec):
    spacing = traits.Float(1.0, usedefault=True, desc='of the lattice, mm')
    expected = traits.List(
        traits.List(traits.Float), desc='signals of CSF, GM, WM that each should show'
    )
    network = traits.Bool(False, usedefault=True, desc='whether the trained network is the prior')


class _TogetherOutputSpec(TraitedSpec):
    tissues = traits.List(File(exists=True), desc='CSF, GM, WM on the lattice over the first')


class SegmentTogether(OfSeveral):
    """One segmentation of all; see :func:`ulfprep.segmentation.tissue.segment_together`."""

    input_spec = _TogetherInputSpec
    output_spec = _TogetherOutputSpec

    def _run_interface(self, runtime):
        from ulfprep.physics.grid import isotropic_grid
        from ulfprep.segmentation.learned import learned_tissues
        from ulfprep.segmentation.tissue import segment_together

        inputs = self.inputs
        each = zip(self.each(), inputs.expected, strict=True)
        runs = [_run_of(scan, modality, expected) for (scan, modality), expected in each]
        if inputs.network:
            found = learned_tissues(runs, inputs.spacing).fine
        else:
            found = segment_together(runs, spacing=inputs.spacing, expected=inputs.expected[0])
        fine = isotropic_grid(runs[0].grid, inputs.spacing)
        self._results['tissues'] = write_probabilities(runtime.cwd, 'together', found, fine.affine)
        return runtime


def _run_of(scan, modality: str, expected):
    """Return what the segmentation of several scans takes of one."""
    from ulfprep.physics.noise import NoiseEstimate
    from ulfprep.segmentation.tissue import Run

    data, grid = read_volume(scan.preproc)
    plan = read_plan(scan.plan_file)
    return Run(
        image=data,
        mask=read_mask(scan.brain_mask),
        grid=moved_grid(grid, scan.registration_file)[0],
        white=plan.means[2],
        noise=NoiseEstimate(plan.noise_sigma, plan.noise_method, plan.noise_shared),
        acquired=plan.psf_fwhm_mm,
        psf=plan.psf,
        modality=modality,
        expected=tuple(expected),
    )
