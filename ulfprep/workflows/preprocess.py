"""From the file to tissues: check, conform, brain mask, bias field, segmentation."""

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe
from niworkflows.engine.workflows import LiterateWorkflow

from ulfprep.bids.read.decision import expected_of
from ulfprep.bids.read.derived import Piece, Precomputed
from ulfprep.bids.read.scan import Scan
from ulfprep.bids.write.derivatives import asks_network
from ulfprep.interfaces.given import GivenTissues
from ulfprep.interfaces.preprocess import BrainMask, CheckScan, Conform, CorrectBias
from ulfprep.interfaces.synthseg import SynthSeg, SynthSegTissues
from ulfprep.interfaces.tissue import ApplyMask, FastToTissues, SegmentTissues, make_fast
from ulfprep.settings import WEIGHTINGS, Settings

BOILERPLATE = """\
The {kind} scan was reoriented to RAS+; it was resampled only where it had been interpolated to
finer voxels after acquisition, back to the acquired ones. {mask} {bias} """
BIAS = """\
Inside it the bias field was corrected by a local reference ({reference}, as far as it varies more
than anatomy makes it) followed by N4 [@n4] at its coarsest level."""
GIVEN_BIAS = """\
The bias field was that between the scan and an image that other software had corrected ({name}),
the smooth part of their ratio; where that ratio is not smooth it is measured by a local reference
({reference}) and N4 [@n4] instead, as the notes say."""
DEEPBET = 'A brain mask was made with *deepbet* [@deepbet] where the scan had its skull.'
OWN_MASK = "The user's own brain mask was brought onto the grid of the scan."
GIVEN_MASK = 'The brain mask of other software ({name}) was brought onto the grid of the scan.'
WHITE = 'the brightness of the brightest tenth of each 60 mm neighbourhood'
MIDDLE = 'the middle of the brightness of what is not CSF in each 60 mm neighbourhood'
BOILERPLATE_FAST = """\
Tissues (CSF, GM, WM) were segmented with FSL FAST [@fast]. """
BOILERPLATE_SYNTHSEG = """\
Structures were labelled at 1 mm with SynthSeg [@synthseg] (*mri_synthseg* of FreeSurfer) and
grouped into tissues (CSF, GM, WM), which were averaged over the voxels of the scan: where its
slices are thick, through a 1 mm lattice and the point-spread function. What the brain mask holds
beside them was taken for CSF. """
BOILERPLATE_EMBEDDED = """\
Tissues (CSF, GM, WM) were segmented with a hidden Markov random field fitted by
expectation-maximisation [@fast], with a smooth bias field inside the model; scans with thick
slices were deconvolved for it to a 1 mm lattice with total variation [@tv], and the posteriors
averaged back through the point-spread function. """
BOILERPLATE_T1W = """\
Every voxel was given shares of the tissues (CSF, GM, WM), mixtures of two included [@pvc], under
a hidden Markov random field [@fast]. Scans with thick slices were deconvolved for it to a 1 mm
lattice with total variation [@tv] and the shares averaged back through the point-spread function;
the signals of GM and WM were measured in homogeneous places and by that field with classes (GM
weakly tied to what relaxation times make of the sequence), that of CSF by least squares
through the point-spread function. In scans with small voxels the signals were those of a mixture
of three Gaussians. """
BOILERPLATE_NETWORK = """\
Tissues (CSF, GM, WM) were segmented with a prior and the scan itself. The prior is that of a small
convolutional network, which was trained on scans that *ulfprep*'s own physics made of the label
maps of 14 heads [@synthseg] and has seen no image of anybody; it knows shapes, but no
intensities of this scan. Signals were measured by robust least squares of the scan on the tissues
that its voxels gather through the point-spread function, with what was left of the bias field,
and the shares are those that explain the scan without leaving the prior further than they must.
"""
BOILERPLATE_GIVEN = """\
Tissues (CSF, GM, WM) were those of other software ({name}), averaged over the voxels of the scan:
where theirs are small and the scan's slices thick, through a 1 mm lattice and the point-spread
function. What the brain mask holds beside them was taken for CSF. """
BOILERPLATE_PRIOR = """\
The prior probabilities of the tissues were those of the MNI152 template [@mni152], matched by an
affine of the most mutual information and mixed with a uniform prior. """


def init_preprocess_wf(scan: Scan, settings: Settings) -> LiterateWorkflow:
    """Build the workflow from a scan's file to its tissues.

    Parameters
    ----------
    scan : Scan
    settings : Settings
        ``segmentation`` must not be ``auto``, which is resolved before.

    Returns
    -------
    LiterateWorkflow
        Outputs (``outputnode``): ``conformed``, ``preproc``, ``bias_field``,
        ``brain_mask``, ``stripped``, ``probsegs`` (CSF, GM, WM),
        ``lattice_probsegs`` (the same on the fine lattice, of coarse scans), ``dseg``,
        ``segmentation`` (summary), ``resolution`` (as decided), ``given_bias`` (whether the bias
        field is that of other software), ``disagreement`` (of scan and network, where that was
        asked), ``notes``.
    """
    workflow = LiterateWorkflow(name='preprocess_wf')
    expected = expected_of(scan, settings)
    given = scan.precomputed or Precomputed()
    workflow.__desc__ = _methods(scan, given, expected, settings)

    check = pe.Node(CheckScan(in_file=str(scan.path)), name='check')
    conform = pe.Node(
        Conform(metadata=dict(scan.metadata), stated=list(settings.acquired_resolution)),
        name='conform',
    )
    # The network behind the mask and N4 are threaded; what they use is declared.
    brain = pe.Node(
        BrainMask(expected=expected),
        name='brain_mask',
        n_procs=settings.omp_nthreads,
    )
    stripped = scan.metadata.get('SkullStripped')
    if settings.skull_strip != 'auto':
        brain.inputs.stripped = settings.skull_strip == 'skip'
        brain.inputs.said_by = f'--skull-strip {settings.skull_strip}'
    elif isinstance(stripped, bool):
        brain.inputs.stripped = stripped
    if scan.mask:
        brain.inputs.given = str(scan.mask)
        brain.inputs.given_note = scan.mask_note
        brain.inputs.given_with = '--derivatives' if given.mask else '--brain-mask'
    bias = pe.Node(CorrectBias(expected=expected), name='bias')
    if given.corrected:
        bias.inputs.given = str(given.corrected.paths[0])
        bias.inputs.given_name = given.corrected.name
    notes = pe.Node(niu.Merge(5), name='notes', run_without_submitting=True)
    notes.inputs.in5 = list(given.notes)
    outputnode = pe.Node(
        niu.IdentityInterface(
            fields=[
                'conformed',
                'preproc',
                'bias_field',
                'brain_mask',
                'stripped',
                'probsegs',
                'lattice_probsegs',
                'dseg',
                'segmentation',
                'disagreement',
                'resolution',
                'given_bias',
                'notes',
            ]
        ),
        name='outputnode',
    )
    nodes = (conform, bias, brain)
    tissues = _add_segmentation(workflow, scan.suffix, expected, settings, nodes, given.tissues)
    workflow.connect([
        (check, conform, [('out_file', 'in_file')]),
        (conform, brain, [('out_file', 'in_file')]),
        (conform, bias, [('out_file', 'in_file')]),
        (brain, bias, [('out_mask', 'in_mask')]),
        (check, notes, [('notes', 'in1')]),
        (conform, notes, [('notes', 'in2')]),
        (brain, notes, [('notes', 'in3')]),
        (bias, notes, [('notes', 'in4')]),
        (conform, outputnode, [('out_file', 'conformed'), ('resolution', 'resolution')]),
        (bias, outputnode, [
            ('out_file', 'preproc'),
            ('out_field', 'bias_field'),
            ('given_used', 'given_bias'),
        ]),
        (brain, outputnode, [('out_mask', 'brain_mask'), ('stripped', 'stripped')]),
        (tissues, outputnode, [
            ('probsegs', 'probsegs'),
            ('lattice_probsegs', 'lattice_probsegs'),
            ('dseg', 'dseg'),
            ('summary', 'segmentation'),
        ]),
        *(
            [(tissues, outputnode, [('disagreement', 'disagreement')])]
            if asks_network(scan, settings)
            else []
        ),
        (notes, outputnode, [('out', 'notes')]),
    ])  # fmt: skip
    return workflow


def _methods(scan: Scan, given: Precomputed, expected: list[float], settings: Settings) -> str:
    """Return the methods text: what was computed, and what was taken of other software."""
    mask = OWN_MASK if scan.mask else DEEPBET
    if given.mask:
        mask = GIVEN_MASK.format(name=given.mask.name)
    reference = MIDDLE if expected[0] > max(expected[1:]) else WHITE
    bias = BIAS.format(reference=reference)
    if given.corrected:
        bias = GIVEN_BIAS.format(name=given.corrected.name, reference=reference)
    text = BOILERPLATE.format(kind=WEIGHTINGS[scan.suffix], mask=mask, bias=bias)
    if given.tissues:
        return text + BOILERPLATE_GIVEN.format(name=given.tissues.name)
    if settings.segmentation == 'fast':
        return text + BOILERPLATE_FAST
    if settings.segmentation == 'synthseg':
        return text + BOILERPLATE_SYNTHSEG
    if settings.segmentation == 'network':
        return text + BOILERPLATE_NETWORK
    text += BOILERPLATE_T1W if scan.suffix == 'T1w' else BOILERPLATE_EMBEDDED
    return text + (BOILERPLATE_PRIOR if settings.tissue_prior == 'template' else '')


def _add_segmentation(
    workflow,
    suffix: str,
    expected: list[float],
    settings: Settings,
    nodes: tuple[pe.Node, pe.Node, pe.Node],
    given: Piece | None,
) -> pe.Node:
    """Add the given tissues or one of the segmentations; return the node with its outputs."""
    _, bias, brain = nodes
    if given:
        tissues = pe.Node(
            GivenTissues(
                given=[str(path) for path in given.paths],
                given_name=given.name,
                expected=expected,
                spacing=2.0 if settings.sloppy else 1.0,
                psf=settings.psf,
            ),
            name='tissues',
            n_procs=settings.omp_nthreads,
        )
        if given.numbers:
            tissues.inputs.numbers = list(given.numbers)
        return _connected(workflow, tissues, nodes)
    if settings.segmentation == 'synthseg':
        return _add_synthseg(workflow, expected, settings, nodes)
    if settings.segmentation != 'fast':
        tissues = pe.Node(
            SegmentTissues(
                spacing=2.0 if settings.sloppy else 1.0,
                expected=expected,
                psf=settings.psf,
                prior=settings.tissue_prior,
                network=settings.segmentation == 'network',
                modality=suffix,
            ),
            name='tissues',
            n_procs=settings.omp_nthreads,
        )
        return _connected(workflow, tissues, nodes)
    masked = pe.Node(ApplyMask(), name='apply_mask')
    segment = pe.Node(make_fast(expected), name='fast')
    tissues = pe.Node(FastToTissues(expected=expected), name='tissues')
    workflow.connect([
        (bias, masked, [('out_file', 'in_file')]),
        (brain, masked, [('out_mask', 'in_mask')]),
        (masked, segment, [('out_file', 'in_files')]),
        (segment, tissues, [('partial_volume_files', 'partial_volume_files')]),
        (brain, tissues, [('out_mask', 'in_mask')]),
        (bias, tissues, [('out_file', 'in_file')]),
    ])  # fmt: skip
    return tissues


def _connected(workflow, tissues: pe.Node, nodes) -> pe.Node:
    """Give a segmentation the scan, its mask and its resolution; return it."""
    conform, bias, brain = nodes
    workflow.connect([
        (bias, tissues, [('out_file', 'in_file')]),
        (brain, tissues, [('out_mask', 'in_mask')]),
        (conform, tissues, [('resolution', 'resolution')]),
    ])  # fmt: skip
    return tissues


def _add_synthseg(workflow, expected, settings: Settings, nodes) -> pe.Node:
    """Add SynthSeg, which takes the scan with its head, and what brings its labels to the scan."""
    label = pe.Node(
        SynthSeg(n_threads=settings.omp_nthreads), name='synthseg', n_procs=settings.omp_nthreads
    )
    tissues = pe.Node(
        SynthSegTissues(
            given_name='SynthSeg',
            expected=expected,
            spacing=2.0 if settings.sloppy else 1.0,
            psf=settings.psf,
        ),
        name='tissues',
        n_procs=settings.omp_nthreads,
    )
    _, bias, _ = nodes
    workflow.connect([
        (bias, label, [('out_file', 'in_file')]),
        (label, tissues, [('out_files', 'given')]),
    ])  # fmt: skip
    return _connected(workflow, tissues, nodes)
