"""Tissues of several scans of a session at once, as a Nipype node."""

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    DynamicTraitedSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    traits,
)
from nipype.interfaces.io import add_traits

from ulfprep.interfaces.volumes import (
    moved_grid,
    read_mask,
    read_plan,
    read_volume,
    write_probabilities,
)

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
    """One segmentation of all; see :func:`ulfprep.segmentation.together.segment_together`."""

    input_spec = _TogetherInputSpec
    output_spec = _TogetherOutputSpec

    def __init__(self, n_scans, **inputs):
        super().__init__(n_scans=n_scans, **inputs)
        numbers = range(1, n_scans + 1)
        add_traits(self.inputs, [f'{name}_{number}' for number in numbers for name in OF_EACH])

    def _run_interface(self, runtime):
        from ulfprep.physics.grid import isotropic_grid
        from ulfprep.segmentation.learned import learned_tissues
        from ulfprep.segmentation.together import segment_together

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
        from ulfprep.segmentation.together import Run

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
