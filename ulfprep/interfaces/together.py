"""Scans of a session in one world, and their tissues at once, as Nipype nodes."""

import os

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
    fixed = File(exists=True, mandatory=True, desc='bias-corrected reference scan')
    fixed_mask = File(exists=True, mandatory=True)
    name = traits.Str(mandatory=True, desc='what the moving scan is called')
    reference = traits.Str(mandatory=True, desc='what the reference is called')
    same_contrast = traits.Bool(mandatory=True)


class _RegisterOutputSpec(TraitedSpec):
    registration_file = File(exists=True, desc='JSON')


class RegisterScan(SimpleInterface):
    """Rigid motion; see :func:`ulfprep.physics.registration.register_rigid`."""

    input_spec = _RegisterInputSpec
    output_spec = _RegisterOutputSpec

    def _run_interface(self, runtime):
        from ulfprep.physics.motion import find_motion

        inputs = self.inputs
        moving, moving_grid = read_volume(inputs.moving)
        fixed, fixed_grid = read_volume(inputs.fixed)
        found = find_motion(
            (moving, read_mask(inputs.moving_mask), moving_grid),
            (fixed, read_mask(inputs.fixed_mask), fixed_grid),
            names=(inputs.name, inputs.reference),
            same_contrast=inputs.same_contrast,
        )
        path = os.path.join(runtime.cwd, 'registration.json')
        write_json(path, found)
        self._results['registration_file'] = path
        return runtime


#: What is told of each scan, as inputs ``<name>_<number>``.
OF_EACH = ('in_file', 'in_mask', 'plan_file', 'registration_file')


class _TogetherInputSpec(DynamicTraitedSpec, BaseInterfaceInputSpec):
    n_scans = traits.Int(mandatory=True)
    spacing = traits.Float(1.0, usedefault=True, desc='of the lattice, mm')
    expected = traits.List(
        traits.List(traits.Float), desc='signals of CSF, GM, WM that each should show'
    )
    modalities = traits.List(traits.Str, desc='of each')
    network = traits.Bool(False, usedefault=True, desc='whether the trained network is the prior')


class _TogetherOutputSpec(TraitedSpec):
    probsegs = traits.List(File(exists=True), desc='CSF, GM, WM on the lattice over the first')


class SegmentTogether(SimpleInterface):
    """One segmentation of all; see :func:`ulfprep.segmentation.tissue.segment_together`."""

    input_spec = _TogetherInputSpec
    output_spec = _TogetherOutputSpec

    def __init__(self, n_scans, **inputs):
        super().__init__(n_scans=n_scans, **inputs)
        numbers = range(1, n_scans + 1)
        add_traits(self.inputs, [f'{name}_{number}' for number in numbers for name in OF_EACH])

    def _run_interface(self, runtime):
        from ulfprep.physics.grid import isotropic_grid
        from ulfprep.segmentation.learned import learned_tissues
        from ulfprep.segmentation.tissue import segment_together

        inputs = self.inputs
        runs = [self._run_of(number) for number in range(1, inputs.n_scans + 1)]
        if inputs.network:
            found = learned_tissues(runs, inputs.spacing).fine
        else:
            found = segment_together(runs, spacing=inputs.spacing, expected=inputs.expected[0])
        fine = isotropic_grid(runs[0].grid, inputs.spacing)
        self._results['probsegs'] = write_probabilities(
            runtime.cwd, 'together', found, fine.affine
        )
        return runtime

    def _run_of(self, number: int):
        from ulfprep.segmentation.tissue import Run

        given = {name: getattr(self.inputs, f'{name}_{number}') for name in OF_EACH}
        data, grid = read_volume(given['in_file'])
        plan = read_plan(given['plan_file'])
        return Run(
            image=data,
            mask=read_mask(given['in_mask']),
            grid=moved_grid(grid, given['registration_file'])[0],
            white=plan.means[2],
            sigma=plan.noise_sigma,
            acquired=plan.psf_fwhm_mm,
            psf=plan.psf,
            modality=self.inputs.modalities[number - 1],
            expected=tuple(self.inputs.expected[number - 1]),
        )
