"""Tissues of other software as Nipype nodes; FreeSurfer's SynthSeg is called for them."""

import signal
import subprocess
from pathlib import Path

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    isdefined,
    traits,
)

from ulfprep.interfaces.segment import TissueOutputSpec, found_in
from ulfprep.interfaces.volumes import if_given, read_mask, read_volume, write_tissues
from ulfprep.note import warning

#: The command of FreeSurfer.
COMMAND = 'mri_synthseg'
LABELS, LOG = 'synthseg.nii.gz', 'synthseg.txt'
#: What it prints below the story of an error that it went on after.
WENT_ON = 'resuming program execution'
WAY_OUT = 'look at the scan and at FreeSurfer, or leave --segmentation out'


class _GivenTissuesInputSpec(BaseInterfaceInputSpec):
    preproc = File(exists=True, mandatory=True, desc='bias-corrected scan')
    brain_mask = File(exists=True, mandatory=True, desc='brain mask')
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
        from ulfprep.bids.read.derived_read import BadDerivativeError, read_shares
        from ulfprep.bids.read.nifti import UnusableScanError
        from ulfprep.physics.grid import Grid
        from ulfprep.segmentation.checks import misplaced
        from ulfprep.segmentation.given import given_tissues, out_of_order

        inputs = self.inputs
        data, grid = read_volume(inputs.preproc)
        mask = read_mask(inputs.brain_mask)
        numbers = if_given(inputs.numbers, ())
        try:
            shares, affine = read_shares(inputs.given, numbers)
        except BadDerivativeError as error:
            raise BadDerivativeError(str(error).replace('--derivatives', self.flag)) from error
        try:
            result = given_tissues(
                data,
                mask,
                grid,
                shares,
                Grid(shares.shape[1:], affine),
                acquired=if_given(inputs.resolution, {}).get('voxel_size_mm'),
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
        self._results |= write_tissues(
            runtime.cwd, result.probs, mask, grid, result.fine, inputs.spacing
        )
        self._results['segmentation'] = found_in(result) | {
            'method': f'{result.method} ({inputs.given_name})',
            'notes': [contradiction] if turned else [],
        }
        return runtime


def synthseg_command(scan: str, labels: str, threads: int = 1) -> list[str]:
    """Return SynthSeg's command line as ulfprep calls it: on the CPU, tissues only.

    It takes a scan with its head or without and writes FreeSurfer's numbers at 1 mm. The model is
    its usual one, without parcels of the cortex.
    """
    return [COMMAND, '--i', scan, '--o', labels, '--threads', str(threads), '--cpu']


def what_went_wrong(out: str, err: str) -> str:
    """Return the line of SynthSeg's output and error stream that says why there are no labels.

    That above the line with which it goes on after an error, which it prints on standard output;
    else the last of standard error; else the last it printed. Empty where it said nothing.
    """
    story = out.rpartition(WENT_ON)[0]
    for text in (story, err, out):
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if lines:
            return lines[-1]
    return ''


class _SynthSegInputSpec(BaseInterfaceInputSpec):
    preproc = File(exists=True, mandatory=True, desc='bias-corrected scan, with its head')
    n_threads = traits.Int(1, usedefault=True)


class _SynthSegOutputSpec(TraitedSpec):
    out_files = traits.List(File(exists=True), desc="one file: FreeSurfer's numbers at 1 mm")


class SynthSeg(SimpleInterface):
    """Run FreeSurfer's ``mri_synthseg``.

    What it printed is kept in its folder until it has succeeded.
    """

    input_spec = _SynthSegInputSpec
    output_spec = _SynthSegOutputSpec

    def _run_interface(self, runtime):
        labels = Path(runtime.cwd, LABELS)
        labels.unlink(missing_ok=True)
        command = synthseg_command(self.inputs.preproc, str(labels), self.inputs.n_threads)
        done = subprocess.run(
            command,
            cwd=runtime.cwd,
            # Without TensorFlow some releases ask whether to install it.
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding='utf-8',
            errors='replace',
            check=False,
        )
        log = Path(runtime.cwd, LOG)
        log.write_text(f'{done.stdout}\n{done.stderr}', encoding='utf-8')
        # It goes on after an error, so its exit status alone is not trusted.
        if done.returncode or not labels.exists():
            said = what_went_wrong(done.stdout, done.stderr)
            raise RuntimeError(
                f'{self.inputs.preproc}: {COMMAND} {_ended(done.returncode)}'
                f'{f", and said: {said}" if said else " without a word"} ({log}); {WAY_OUT}'
            )
        self._results['out_files'] = [str(labels)]
        return runtime


def _ended(code: int) -> str:
    """Say how it ended, from what subprocess and shells make of that."""
    # Its command is a shell script, which ends with 128 and the signal that ended the program.
    number = -code if code < 0 else code - 128
    if number == signal.SIGKILL:
        return f'was killed (exit status {code}), as where memory runs out'
    return f'ended with exit status {code}' if code else 'wrote no labels (exit status 0)'


class SynthSegTissues(GivenTissues):
    """SynthSeg's labels as tissues of a scan, as those of other software are brought to it."""

    flag = '--segmentation synthseg'
    mend = 'look at the scan and its labels, or leave --segmentation out'
    check = (
        'Look at them, check suffix and sidecar of the scan, state its sequence with '
        '--source-sequence, or use --segmentation embedded.'
    )

    def _run_interface(self, runtime):
        runtime = super()._run_interface(runtime)
        self._results['segmentation']['method'] = 'SynthSeg'
        return runtime
