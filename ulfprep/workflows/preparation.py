"""From a scan's file to its tissues and contrast plan: what is done before any fit."""

from nipype.pipeline import engine as pe

from ulfprep.bids.read.decision import expected_of
from ulfprep.bids.task import Given, Scan, Task
from ulfprep.interfaces.given import GivenTissues, SynthSeg, SynthSegTissues
from ulfprep.interfaces.plan import PlanContrast
from ulfprep.interfaces.prepare import Prepare
from ulfprep.interfaces.segment import ApplyMask, FastToTissues, SegmentTissues, make_fast
from ulfprep.settings import Settings
from ulfprep.workflows.wiring import Made, add


def add_preparation(workflow, task: Task, settings: Settings, part=None) -> Made:
    """Add what is done to a scan before any fit; return what is made of it."""
    scan = task.scan
    made = add_tissues(workflow, scan, settings, task.given, part)
    plan = PlanContrast(
        metadata=scan.metadata,
        source_field=task.source_field,
        target_field=task.target_field,
        modality=scan.suffix,
        source_sequence=settings.source_sequence,
        target_sequence=settings.target_sequence,
        target_contrast=settings.target_contrast,
        relaxation=settings.relaxation,
        psf=settings.psf,
    )
    return add(workflow, pe.Node(plan, name='plan'), made, part)


def add_tissues(workflow, scan: Scan, settings: Settings, given: Given, part=None) -> Made:
    """Add preparation and segmentation, in a part of the workflow or in it; return what they make.

    ``segmentation`` must not be ``auto``, which is resolved before.
    """
    expected = expected_of(scan, settings)
    prepare = Prepare(
        in_file=str(scan.path),
        metadata=dict(scan.metadata),
        stated=list(settings.acquired_resolution),
        expected=expected,
    )
    stripped = scan.metadata.get('SkullStripped')
    if settings.skull_strip != 'auto':
        prepare.inputs.stripped = settings.skull_strip == 'skip'
        prepare.inputs.said_by = f'--skull-strip {settings.skull_strip}'
    elif isinstance(stripped, bool):
        prepare.inputs.stripped = stripped
    if given.mask:
        prepare.inputs.mask = str(given.mask.paths[0])
        prepare.inputs.mask_note = given.mask.note
        prepare.inputs.mask_option = given.mask.option
    if given.corrected:
        prepare.inputs.corrected = str(given.corrected.paths[0])
        prepare.inputs.corrected_name = given.corrected.name
    # The network behind the mask and N4 are threaded; what they use is declared.
    node = pe.Node(prepare, name='prepare', n_procs=settings.omp_nthreads)
    made = add(workflow, node, {}, part)
    return _add_segmentation(workflow, made, scan.suffix, expected, settings, given, part)


def _add_segmentation(workflow, made: Made, suffix, expected, settings, given, part) -> Made:
    """Add the given tissues or one of the segmentations."""
    common = {
        'expected': expected,
        'spacing': 2.0 if settings.sloppy else 1.0,
        'psf': settings.psf,
    }
    if given.tissues:
        paths = [str(path) for path in given.tissues.paths]
        tissues = GivenTissues(given=paths, given_name=given.tissues.name, **common)
        if given.tissues.numbers:
            tissues.inputs.numbers = list(given.tissues.numbers)
    elif settings.segmentation == 'synthseg':
        label = SynthSeg(n_threads=settings.omp_nthreads)
        node = pe.Node(label, name='synthseg', n_procs=settings.omp_nthreads)
        made = add(workflow, node, made, part, {'out_files': 'given'})
        tissues = SynthSegTissues(given_name='SynthSeg', **common)
    elif settings.segmentation == 'fast':
        masked = pe.Node(ApplyMask(), name='apply_mask')
        made = add(workflow, masked, made, part, {'out_file': 'in_files'})
        classes = {'partial_volume_files': 'partial_volume_files'}
        made = add(workflow, pe.Node(make_fast(expected), name='fast'), made, part, classes)
        tissues = FastToTissues(expected=expected)
    else:
        tissues = SegmentTissues(
            prior=settings.tissue_prior,
            network=settings.segmentation == 'network',
            modality=suffix,
            **common,
        )
    threads = 1 if isinstance(tissues, FastToTissues) else settings.omp_nthreads
    return add(workflow, pe.Node(tissues, name='segment', n_procs=threads), made, part)
