"""The whole way of one scan as one workflow, and the steps that other workflows share."""

from nipype.pipeline import engine as pe
from niworkflows.engine.workflows import LiterateWorkflow

from ulfprep.bids.read.decision import MEASURED, keeps_another
from ulfprep.bids.read.highfield import other_scan, why_not
from ulfprep.bids.task import Given, Task
from ulfprep.interfaces.fit import FitField, RenderKept
from ulfprep.interfaces.measure import CompareHighfield, MeasureEnhanced
from ulfprep.interfaces.plan import MeasureTissues
from ulfprep.interfaces.simulate import Simulate
from ulfprep.interfaces.write import WriteScan
from ulfprep.note import Note
from ulfprep.settings import Settings
from ulfprep.workflows.endings import HIGHFIELD, TARGET_LIKE
from ulfprep.workflows.jobs import node_name
from ulfprep.workflows.methods import scan_methods
from ulfprep.workflows.preparation import add_preparation, add_tissues
from ulfprep.workflows.wiring import Made, add

#: Where the scan that others shall look like is measured, and what comes of it, in the folder
#: of its workflow.
TARGET_MEASURED = 'measure/target.json'


def init_scan_wf(task: Task, settings: Settings, alone: bool = True) -> LiterateWorkflow:
    """Build the workflow of one scan, from its file to its derivatives and figures.

    ``alone`` is whether no other scan runs at the same time (progress may then rewrite its line).
    The methods text is the ``__desc__`` of the workflow, and in the QC file it writes.
    """
    workflow = LiterateWorkflow(name=node_name(task))
    workflow.__desc__ = methods = scan_methods(task, settings)
    made = add_preparation(workflow, task, settings)
    if task.direction == 'simulate':
        made = _add_simulation(workflow, made, task, settings)
    else:
        made |= add_fit(workflow, numbered([made]), [task], settings, alone)
        made = add_measure(workflow, made, task, settings)
        if keeps_another(settings):
            made |= add_render(workflow, made, settings, 'render_kept')
        if not why_not(task):
            made = _add_comparison(workflow, made, task, settings)
    add_write(workflow, made, task, settings, methods)
    return workflow


def init_target_wf(settings: Settings, name: str = TARGET_LIKE) -> LiterateWorkflow:
    """Build the workflow that measures the scan of ``--target-like`` (:data:`TARGET_MEASURED`)."""
    path = settings.target_like
    workflow = LiterateWorkflow(name=name)
    scan = other_scan(path, settings.modalities[0])
    made = add_tissues(workflow, scan, settings.of_another_scanner(), Given())
    add(workflow, pe.Node(MeasureTissues(name=path.name), name='measure'), made)
    return workflow


def torch_inputs(settings: Settings) -> dict:
    """Return the inputs of a node that computes with torch."""
    return {
        'device': settings.device,
        'use_gpu': settings.uses_gpu,
        'n_threads': settings.omp_nthreads,
    }


def numbered(prepared: list[Made]) -> Made:
    """Return what was made of several scans by names that end with their numbers, from one."""
    return {
        f'{name}_{number}': source
        for number, made in enumerate(prepared, 1)
        for name, source in made.items()
    }


def add_fit(workflow, made: Made, members: list[Task], settings: Settings, alone: bool) -> Made:
    """Add the fit of scans, of what is :func:`numbered`, in one field; return what it makes."""
    fit = FitField(
        modalities=[task.scan.suffix for task in members],
        sloppy=settings.sloppy,
        likelihood=settings.likelihood,
        backbone=settings.backbone,
        seed=settings.random_seed,
        label=members[0].name,
        alone=alone,
        **torch_inputs(settings),
    )
    return _own(workflow, pe.Node(fit, name='fit', n_procs=settings.omp_nthreads), made)


def _own(workflow, node: pe.Node, made: Made) -> Made:
    """Add a node; return what it alone makes."""
    every = add(workflow, node, made)
    return {name: source for name, source in every.items() if source[1] is node}


def add_measure(
    workflow, made: Made, task: Task, settings: Settings, contrast: str = '', part=None
) -> Made:
    """Add what renders the field where the scan lies, and measures that; see :func:`add_render`.

    Metrics against a high-field image are added to it by another node.
    """
    measure = MeasureEnhanced(
        spacing=MEASURED,
        no_highfield=why_not(task),
        **({'contrast': contrast} if contrast else {}),
        **torch_inputs(settings),
    )
    node = pe.Node(measure, name='measure', n_procs=settings.omp_nthreads)
    return add(workflow, node, made, part)


def add_render(workflow, made: Made, settings: Settings, name: str, contrast: str = '') -> Made:
    """Add what renders the images to keep, where others are measured; return these as ``kept``.

    ``contrast`` is the modality, where the field shows several.
    """
    more = {'contrast': contrast} if contrast else {}
    render = RenderKept(spacing=settings.output_resolution, **more, **torch_inputs(settings))
    return _own(workflow, pe.Node(render, name=name, n_procs=settings.omp_nthreads), made)


def _add_simulation(workflow, made: Made, task: Task, settings: Settings) -> Made:
    simulate = Simulate(
        seed=settings.random_seed,
        label=task.name,
        voxel_size=list(settings.target_resolution),
        n_realisations=settings.n_realisations,
        bias_strength=settings.bias_strength,
        noise_fwhm=settings.noise_fwhm,
        keep_head=settings.keep_head,
    )
    if settings.target_snr is not None:
        simulate.inputs.snr = settings.target_snr
    node = pe.Node(simulate, name='simulate', n_procs=settings.omp_nthreads)
    return add(workflow, node, made)


def _add_comparison(workflow, made: Made, task: Task, settings: Settings) -> Made:
    """Add the preparation of a high-field image and the metrics against it."""
    highfield = task.highfield
    part = LiterateWorkflow(name=HIGHFIELD)
    other = add_tissues(workflow, highfield.scan, settings.of_another_scanner(), Given(), part)
    compare = CompareHighfield(source=highfield.source, name=task.name)
    if highfield.field_strength is not None:
        compare.inputs.field_strength = highfield.field_strength
    takes = made | {
        'highfield': other['preproc'],
        'highfield_mask': other['brain_mask'],
        'highfield_probsegs': other['probsegs'],
        'highfield_notes': other['notes'],
    }
    compared = add(workflow, pe.Node(compare, name='compare'), takes, part)
    return made | {'metrics_file': compared['metrics_file']}


def add_write(
    workflow,
    made: Made,
    task: Task,
    settings: Settings,
    methods: str,
    notes: tuple[Note, ...] = (),
    part=None,
) -> None:
    """Add what writes a scan's derivatives and figures into the output folder.

    ``notes`` are those of an image that several scans share; others have those of the scan and its
    preparation.
    """
    write = WriteScan(task=task, settings=settings, methods=methods, shared_notes=list(notes))
    add(workflow, pe.Node(write, name='write'), made, part)
