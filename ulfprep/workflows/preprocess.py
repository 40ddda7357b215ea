"""From the file to tissues: check, conform, brain mask, bias field, segmentation."""

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe
from niworkflows.engine.workflows import LiterateWorkflow

from ulfprep.bids.given import Given, Piece
from ulfprep.bids.read.decision import expected_of
from ulfprep.bids.read.scan import Scan
from ulfprep.bids.write.derivatives import asks_network
from ulfprep.interfaces.given import GivenTissues
from ulfprep.interfaces.preprocess import BrainMask, Conform, CorrectBias
from ulfprep.interfaces.synthseg import SynthSeg, SynthSegTissues
from ulfprep.interfaces.tissue import ApplyMask, FastToTissues, SegmentTissues, make_fast
from ulfprep.settings import Settings


def init_preprocess_wf(scan: Scan, settings: Settings, given: Given) -> LiterateWorkflow:
    """Build the workflow from a scan's file to its tissues.

    Parameters
    ----------
    scan : Scan
    settings : Settings
        ``segmentation`` must not be ``auto``, which is resolved before.
    given : Given
        What is taken instead of being computed.

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
    conform = pe.Node(
        Conform(
            in_file=str(scan.path),
            metadata=dict(scan.metadata),
            stated=list(settings.acquired_resolution),
        ),
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
    if given.mask:
        brain.inputs.given = str(given.mask.paths[0])
        brain.inputs.given_note = given.mask.note
        brain.inputs.given_with = given.mask.option
    bias = pe.Node(CorrectBias(expected=expected), name='bias')
    if given.corrected:
        bias.inputs.given = str(given.corrected.paths[0])
        bias.inputs.given_name = given.corrected.name
    notes = pe.Node(niu.Merge(4), name='notes', run_without_submitting=True)
    notes.inputs.in4 = list(given.notes)
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
        (conform, brain, [('out_file', 'in_file')]),
        (conform, bias, [('out_file', 'in_file')]),
        (brain, bias, [('out_mask', 'in_mask')]),
        (conform, notes, [('notes', 'in1')]),
        (brain, notes, [('notes', 'in2')]),
        (bias, notes, [('notes', 'in3')]),
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
            if asks_network(given, settings)
            else []
        ),
        (notes, outputnode, [('out', 'notes')]),
    ])  # fmt: skip
    return workflow


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
