"""Tissues of other software as a Nipype node."""

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    isdefined,
    traits,
)

from ulfprep.interfaces.tissue import TissueOutputSpec
from ulfprep.interfaces.volumes import read_mask, read_volume, write_probabilities, write_volume
from ulfprep.note import warning


class _GivenTissuesInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc='bias-corrected scan')
    in_mask = File(exists=True, mandatory=True, desc='brain mask')
    given = traits.List(
        File(exists=True), mandatory=True, desc='shares of CSF, GM, WM, or one file of labels'
    )
    numbers = traits.List(traits.Int, desc="labels of CSF, GM, WM; FreeSurfer's without")
    expected = traits.List(traits.Float, desc='signals of CSF, GM, WM that it should show')
    given_name = traits.Str('', usedefault=True, desc='what they are called in reports')
    spacing = traits.Float(1.0, usedefault=True, desc='fine lattice for coarse scans, mm')
    resolution = traits.Dict(desc='voxel_size_mm at acquisition; those of the file without')
    psf = traits.Str('gaussian', usedefault=True, desc='kind of point-spread function')


class GivenTissues(SimpleInterface):
    """Bring given tissues to a scan; see :func:`ulfprep.segmentation.given.given_tissues`."""

    input_spec = _GivenTissuesInputSpec
    output_spec = TissueOutputSpec
    #: The flag that gave them, and what to do where they are refused or contradict the scan.
    flag = '--derivatives'
    mend = (
        'mend the labels (dseg.tsv) or the names of the files, or leave them out (--derivatives)'
    )
    check = (
        'Check their labels (--derivatives), suffix and sidecar of the scan, or state its '
        'sequence with --source-sequence.'
    )

    def _run_interface(self, runtime):
        from ulfprep.bids.read.derived import BadDerivativeError
        from ulfprep.bids.read.derived_read import read_shares
        from ulfprep.bids.read.nifti import UnusableScanError
        from ulfprep.physics.grid import Grid, isotropic_grid
        from ulfprep.physics.labels import to_dseg
        from ulfprep.segmentation.given import given_tissues, out_of_order
        from ulfprep.segmentation.placement import misplaced

        inputs = self.inputs
        data, grid = read_volume(inputs.in_file)
        mask = read_mask(inputs.in_mask)
        numbers = inputs.numbers if isdefined(inputs.numbers) else ()
        try:
            shares, affine = read_shares(inputs.given, numbers)
        except BadDerivativeError as error:
            raise BadDerivativeError(str(error).replace('--derivatives', self.flag)) from error
        resolution = inputs.resolution if isdefined(inputs.resolution) else {}
        try:
            result = given_tissues(
                data,
                mask,
                grid,
                shares,
                Grid(shares.shape[1:], affine),
                acquired=resolution.get('voxel_size_mm'),
                psf=inputs.psf,
                spacing=inputs.spacing,
            )
        except ValueError as error:
            raise ValueError(f'{inputs.given[0]} ({self.flag}): {error}') from error
        turned = out_of_order(result.means, inputs.expected) if isdefined(inputs.expected) else ''
        if turned and misplaced(result.probs, mask, grid.zooms):
            raise UnusableScanError(
                f'{inputs.given[0]}: its tissues are not those of their names: {turned}, nor do '
                f'they lie where they do in a brain; {self.mend}'
            )
        contradiction = warning(
            f'the tissues of {inputs.given_name} contradict the scan: {turned}. {self.check}'
        )
        self._results['probsegs'] = write_probabilities(
            runtime.cwd, 'probseg', result.probs, grid.affine
        )
        self._results['dseg'] = write_volume(
            runtime.cwd, 'dseg', to_dseg(result.probs, mask), grid.affine
        )
        if result.fine is not None:
            fine = isotropic_grid(grid, inputs.spacing)
            self._results['lattice_probsegs'] = write_probabilities(
                runtime.cwd, 'lattice', result.fine, fine.affine
            )
        self._results['summary'] = {
            'method': f'{result.method} ({inputs.given_name})',
            'unmixed': False,
            'notes': [contradiction] if turned else [],
            'means': [float(value) for value in result.means],
            'sds': [float(value) for value in result.sds],
        }
        return runtime
