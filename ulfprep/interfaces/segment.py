"""Tissue segmentation nodes: the embedded one, and FSL FAST brought to the same outputs."""

import shlex
from dataclasses import asdict

from nipype.interfaces import fsl
from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    traits,
)
from nipype.interfaces.fsl.preprocess import FASTInputSpec

from ulfprep.interfaces.volumes import (
    if_given,
    read_mask,
    read_probabilities,
    read_volume,
    write_tissues,
    write_volume,
)


class _SegmentInputSpec(BaseInterfaceInputSpec):
    preproc = File(exists=True, mandatory=True, desc='bias-corrected scan')
    brain_mask = File(exists=True, mandatory=True, desc='brain mask')
    spacing = traits.Float(1.0, usedefault=True, desc='fine lattice for coarse scans, mm')
    expected = traits.List(traits.Float, desc='signals of CSF, GM, WM that it should show')
    resolution = traits.Dict(desc='voxel_size_mm at acquisition; those of the file without')
    psf = traits.Str('gaussian', usedefault=True, desc='kind of point-spread function')
    prior = traits.Enum('none', 'template', usedefault=True, desc='prior of the tissues')
    network = traits.Bool(False, usedefault=True, desc='whether the trained network is the prior')
    modality = traits.Enum('T1w', 'T2w', 'FLAIR', usedefault=True)


class TissueOutputSpec(TraitedSpec):
    """What every segmentation gives."""

    probsegs = traits.List(File(exists=True), desc='CSF, GM, WM')
    lattice_probsegs = traits.List(
        File(exists=True), desc='the same on the fine lattice, where the scan was segmented there'
    )
    dseg = File(exists=True, desc='1 GM, 2 WM, 3 CSF')
    segmentation = traits.Dict(desc='method, means and standard deviations of the classes')
    disagreement = File(
        exists=True, desc='what the anatomy of the network leaves of the scan unexplained'
    )


class SegmentTissues(SimpleInterface):
    """Embedded segmentation; see :func:`ulfprep.segmentation.tissue.segment`."""

    input_spec = _SegmentInputSpec
    output_spec = TissueOutputSpec

    def _run_interface(self, runtime):
        from ulfprep.segmentation.tissue import segment

        data, grid = read_volume(self.inputs.preproc)
        mask = read_mask(self.inputs.brain_mask)
        expected = if_given(self.inputs.expected)
        acquired = if_given(self.inputs.resolution, {}).get('voxel_size_mm')
        more = {}
        if self.inputs.prior == 'template':
            more['prior'] = self._template(data, mask, grid, acquired)
        if self.inputs.network:
            result = self._learned(data, mask, grid, acquired or grid.zooms, expected)
        else:
            result = segment(
                data,
                mask,
                grid.zooms,
                spacing=self.inputs.spacing,
                expected=expected,
                acquired=acquired,
                psf=self.inputs.psf,
                **more,
            )
        self._results |= write_tissues(
            runtime.cwd, result.probs, mask, grid, result.fine, self.inputs.spacing
        )
        method = result.method
        if more:
            method += ' and the prior of the MNI152 template'
        self._results['segmentation'] = found_in(result) | {
            'method': method,
            'prior': self.inputs.prior,
        }
        if result.surprise is not None:
            self._results['disagreement'] = write_volume(
                runtime.cwd, 'disagreement', result.surprise, grid.affine
            )
            self._results['segmentation'] |= learned_from()
        return runtime

    def _learned(self, data, mask, grid, acquired, expected):
        """Return the tissues with the trained network as prior."""
        from ulfprep.segmentation.learned import segment_learned

        try:
            return segment_learned(
                data,
                mask,
                grid,
                expected,
                modality=self.inputs.modality,
                acquired=acquired,
                psf=self.inputs.psf,
                spacing=self.inputs.spacing,
            )
        except ValueError as error:
            raise ValueError(f'{self.inputs.preproc}: {error}') from error

    def _template(self, data, mask, grid, acquired):
        """Return the template's prior where the scan will be segmented."""
        from ulfprep.physics.grid import isotropic_grid
        from ulfprep.segmentation.template import template_prior
        from ulfprep.segmentation.tissue import on_lattice

        fine = on_lattice(acquired or grid.zooms)
        where = isotropic_grid(grid, self.inputs.spacing) if fine else grid
        try:
            return template_prior(data, mask, grid, where)
        except ValueError as error:
            raise ValueError(f'{self.inputs.preproc}: {error}') from error


def found_in(result) -> dict:
    """Return what the plan takes of a :class:`ulfprep.segmentation.tissue.TissueSegmentation`."""
    return {
        'method': result.method,
        'unmixed': bool(result.unmixed),
        'means': [float(value) for value in result.means],
        'sds': [float(value) for value in result.sds],
        'noise': asdict(result.noise),
    }


def learned_from() -> dict:
    """Return what the QC file says of the network's weights."""
    from ulfprep.record import WEIGHTS
    from ulfprep.segmentation.network import digest, weights_file

    return {WEIGHTS: digest(weights_file())}


class _ApplyMaskInputSpec(BaseInterfaceInputSpec):
    preproc = File(exists=True, mandatory=True)
    brain_mask = File(exists=True, mandatory=True)


class _ApplyMaskOutputSpec(TraitedSpec):
    out_file = File(exists=True)


class ApplyMask(SimpleInterface):
    """Set everything outside a mask to zero."""

    input_spec = _ApplyMaskInputSpec
    output_spec = _ApplyMaskOutputSpec

    def _run_interface(self, runtime):
        data, grid = read_volume(self.inputs.preproc)
        data[~read_mask(self.inputs.brain_mask)] = 0
        self._results['out_file'] = write_volume(runtime.cwd, 'brain', data, grid.affine)
        return runtime


class _FastInputSpec(FASTInputSpec):
    # Nipype asks for at least one iteration; FAST takes 0, and the bias field is gone by then.
    bias_iters = traits.Range(low=0, high=10, argstr='-I %d', desc='bias field iterations')


class Fast(fsl.FAST):
    """FSL FAST, also without bias iterations and for paths with spaces."""

    input_spec = _FastInputSpec

    def _format_arg(self, name, spec, value):
        # Nipype hands the command line to a shell, and work folders may have spaces.
        if name == 'in_files':
            return f'-S {len(value)} {shlex.join(str(file) for file in value)}'
        return super()._format_arg(name, spec, value)


def make_fast(expected=None) -> Fast:
    """Return FAST as ulfprep calls it: three classes of a brain, probability maps."""
    bright_csf = expected is not None and expected[0] > max(expected[1:])
    return Fast(
        img_type=2 if bright_csf else 1,
        number_classes=3,
        segments=True,
        no_bias=True,
        probability_maps=True,
        bias_iters=0,
        out_basename='fast',
        output_type='NIFTI_GZ',
    )


class _FastToTissuesInputSpec(BaseInterfaceInputSpec):
    partial_volume_files = traits.List(
        File(exists=True), minlen=3, maxlen=3, mandatory=True, desc='_pve_0, _pve_1, _pve_2'
    )
    brain_mask = File(exists=True, mandatory=True)
    preproc = File(exists=True, mandatory=True, desc='the image that FAST saw')
    expected = traits.List(traits.Float, desc='signals of CSF, GM, WM that it should show')


class FastToTissues(SimpleInterface):
    """FAST's partial volume maps as ulfprep's tissues.

    How FAST numbers its classes depends on the type of image; here each is known by its
    mean intensity, against the order of the signals that the scan should show. BIDS labels
    are another order (1 GM, 2 WM, 3 CSF).
    """

    input_spec = _FastToTissuesInputSpec
    output_spec = TissueOutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from ulfprep.segmentation.hmrf import brightness_order

        files = self.inputs.partial_volume_files
        probabilities = read_probabilities(files)
        mask = read_mask(self.inputs.brain_mask)
        grid = read_volume(self.inputs.brain_mask)[1]
        probabilities[:, ~mask] = 0
        image = read_volume(self.inputs.preproc)[0]
        means = [np.average(image, weights=p + 1e-12 * mask) for p in probabilities]
        expected = if_given(self.inputs.expected)
        by_tissue = np.empty_like(probabilities)
        by_tissue[brightness_order(expected)] = probabilities[np.argsort(means)]
        probabilities = by_tissue
        self._results |= write_tissues(runtime.cwd, probabilities, mask, grid)
        # FAST prints its class parameters but stores none; the plan measures the means.
        self._results['segmentation'] = {'method': 'FSL FAST', 'means': None, 'sds': None}
        return runtime
