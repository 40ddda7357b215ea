"""The whole way of one scan as one workflow, and the steps that other workflows share."""

from nipype.pipeline import engine as pe
from niworkflows.engine.workflows import LiterateWorkflow

from ulfprep.bids.read.decision import MEASURED, keeps_another
from ulfprep.bids.read.highfield import other_scan, why_not
from ulfprep.bids.task import Given, Task
from ulfprep.interfaces.inr import FitField, RenderField
from ulfprep.interfaces.metrics import CompareReference, MeasureEnhanced, SimulateMetrics
from ulfprep.interfaces.outputs import WriteDerivatives, WriteFigures
from ulfprep.interfaces.physics import MeasureTissues, Simulate
from ulfprep.note import Note
from ulfprep.settings import Settings
from ulfprep.workflows.endings import HIGHFIELD, TARGET_LIKE
from ulfprep.workflows.jobs import node_name
from ulfprep.workflows.methods import scan_methods
from ulfprep.workflows.preparation import add_preparation, add_tissues
from ulfprep.workflows.wiring import Made, add

#: Where the scan that others shall look like is measured, and what comes of it, in the folder
#: of its workflow.
TARGET_MEASURED = 'measure/reference.json'


def init_scan_wf(task: Task, settings: Settings, alone: bool = True) -> LiterateWorkflow:
    """Build the workflow of one scan, from its file to its derivatives and figures.

    Parameters
    ----------
    task : Task
    settings : Settings
        With ``device`` and ``segmentation`` resolved.
    alone : bool
        Whether no other scan runs at the same time (progress may then rewrite its line).

    Returns
    -------
    LiterateWorkflow
        Its methods text is its ``__desc__``, and in the QC file it writes.
    """
    workflow = LiterateWorkflow(name=node_name(task))
    workflow.__desc__ = methods = scan_methods(task, settings)
    made = add_preparation(workflow, task, settings)
    if task.direction == 'simulate':
        made = _add_simulation(workflow, made, task, settings)
        add_outputs(workflow, made, task, settings, methods)
        return workflow
    fit = FitField(**fit_inputs(settings, task.name, alone))
    made = add(workflow, pe.Node(fit, name='fit', n_procs=settings.omp_nthreads), made)
    made = add_measure(workflow, made, task, settings)
    kept = {}
    if keeps_another(settings):
        kept = add_render(workflow, made, settings, 'render_kept')
    if not why_not(task):
        made = _add_comparison(workflow, made, task, settings)
    add_outputs(workflow, made, task, settings, methods, kept=kept)
    return workflow


def init_reference_wf(settings: Settings, name: str = TARGET_LIKE) -> LiterateWorkflow:
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


def fit_inputs(settings: Settings, label: str, alone: bool) -> dict:
    """Return the inputs of a node that fits, whatever it fits.

    Parameters
    ----------
    settings : Settings
    label : str
        Name in progress lines.
    alone : bool
        Whether nothing else runs at the same time.
    """
    return {
        'sloppy': settings.sloppy,
        'likelihood': settings.likelihood,
        'backbone': settings.backbone,
        'seed': settings.random_seed,
        'label': label,
        'alone': alone,
        **torch_inputs(settings),
    }


def add_measure(
    workflow, made: Made, task: Task, settings: Settings, contrast: str = '', part=None
) -> Made:
    """Add what renders the field where the scan lies, and measures that; see :func:`add_render`.

    Metrics against a high-field image are added to it by another node.
    """
    measure = MeasureEnhanced(
        spacing=MEASURED,
        no_reference=why_not(task),
        **({'contrast': contrast} if contrast else {}),
        **torch_inputs(settings),
    )
    node = pe.Node(measure, name='measure', n_procs=settings.omp_nthreads)
    return add(workflow, node, made, part)


def add_render(workflow, made: Made, settings: Settings, name: str, contrast: str = '') -> Made:
    """Add what renders the images to keep, where others are measured; return these images.

    Parameters
    ----------
    workflow : LiterateWorkflow
    made : dict
    settings : Settings
    name : str
        Of the node.
    contrast : str
        Modality, where the field shows several.
    """
    more = {'contrast': contrast} if contrast else {}
    render = RenderField(spacing=settings.output_resolution, **more, **torch_inputs(settings))
    node = pe.Node(render, name=name, n_procs=settings.omp_nthreads)
    rendered = add(workflow, node, made)
    return {name: source for name, source in rendered.items() if source[1] is node}


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
    names = {'first': 'simulated', 'out_files': 'simulated_files', 'facts': 'facts'}
    made = add(workflow, node, made, gives=names)
    measure = pe.Node(SimulateMetrics(), name='measure')
    return add(workflow, measure, made, gives={'out_file': 'metrics_file'})


def _add_comparison(workflow, made: Made, task: Task, settings: Settings) -> Made:
    """Add the preparation of a high-field image and the metrics against it."""
    reference = task.highfield
    part = LiterateWorkflow(name=HIGHFIELD)
    other = add_tissues(workflow, reference.scan, settings.of_another_scanner(), Given(), part)
    compare = CompareReference(source=reference.source, name=task.name)
    if reference.field_strength is not None:
        compare.inputs.field_strength = reference.field_strength
    takes = {name: made[name] for name in ('probsegs', 'enhanced', 'fine_dseg', 'fine_probsegs')}
    takes |= {name: made[name] for name in ('bicubic', 'metrics_file')}
    takes |= {name: source for name, source in other.items() if name.endswith('_notes')}
    takes |= {
        'reference': other['preproc'],
        'reference_mask': other['brain_mask'],
        'reference_probsegs': other['probsegs'],
    }
    compared = add(workflow, pe.Node(compare, name='compare'), takes, part)
    return made | {'metrics_file': compared['out_file']}


def add_outputs(
    workflow,
    made: Made,
    task: Task,
    settings: Settings,
    methods: str,
    notes: tuple[Note, ...] = (),
    kept: Made | None = None,
    part=None,
) -> None:
    """Add what writes a scan's derivatives and figures into the output folder.

    Parameters
    ----------
    workflow : LiterateWorkflow
    made : dict
    task : Task
    settings : Settings
    methods : str
    notes : tuple of Note
        Of an image that several scans share; of others those of the scan and its preparation.
    kept : dict, optional
        Images to keep that lie in another world than those to draw, or have other voxels.
    part : LiterateWorkflow, optional
        Part of the workflow to add them to.
    """
    write = WriteDerivatives(
        task=task, settings=settings, methods=methods, shared_notes=list(notes)
    )
    draw = WriteFigures(task=task, output_dir=str(settings.output_dir))
    node = pe.Node(write, name='derivatives')
    written = add(workflow, node, made | (kept or {}), part)
    add(workflow, pe.Node(draw, name='figures'), made | {'qc_file': written['qc_file']}, part)
