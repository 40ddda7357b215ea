"""The whole way of one scan as one workflow."""

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe
from niworkflows.engine.workflows import LiterateWorkflow

from ulfprep.bids.read.decision import keeps_another
from ulfprep.bids.read.highfield import why_not
from ulfprep.bids.task import Task
from ulfprep.interfaces.physics import PlanContrast
from ulfprep.settings import Settings
from ulfprep.workflows.enhance import OUTPUTS as ENHANCE_OUTPUTS
from ulfprep.workflows.enhance import init_enhance_wf, render_kept
from ulfprep.workflows.highfield import INPUTS as COMPARED
from ulfprep.workflows.highfield import init_highfield_wf
from ulfprep.workflows.jobs import node_name
from ulfprep.workflows.methods import scan_methods
from ulfprep.workflows.outputs import RENDERED, init_outputs_wf
from ulfprep.workflows.preprocess import init_preprocess_wf
from ulfprep.workflows.simulate import OUTPUTS as SIMULATE_OUTPUTS
from ulfprep.workflows.simulate import init_simulate_wf

#: Where in a scan's workflow its contrast is planned.
PLAN_NODE = 'plan_wf.plan'
#: What of a scan's preparation its results are made of, and what is written as well.
PREPARED = ['preproc', 'brain_mask', 'probsegs', 'conformed', 'bias_field']
KEPT = [*PREPARED, 'dseg', 'disagreement', 'stripped', 'segmentation', 'given_bias']


def add_preparation(workflow: LiterateWorkflow, task: Task, settings: Settings):
    """Add to a workflow what is done to a scan before any fit.

    Returns
    -------
    preprocess, plan_wf : LiterateWorkflow
    notes : Node
        Its output ``out`` is what was found and decided.
    """
    scan = task.scan
    preprocess = init_preprocess_wf(scan, settings, task.given)
    plan_wf = LiterateWorkflow(name='plan_wf')
    plan = pe.Node(
        PlanContrast(
            metadata=scan.metadata,
            source_field=task.source_field,
            target_field=task.target_field,
            modality=scan.suffix,
            source_sequence=settings.source_sequence,
            target_sequence=settings.target_sequence,
            target_contrast=settings.target_contrast,
            relaxation=settings.relaxation,
            psf=settings.psf,
        ),
        name='plan',
    )
    plan_wf.add_nodes([plan])
    notes = pe.Node(niu.Merge(2), name='notes', run_without_submitting=True)
    notes.inputs.in1 = list(task.notes)
    workflow.connect([
        (preprocess, plan_wf, [
            ('outputnode.preproc', 'plan.in_file'),
            ('outputnode.brain_mask', 'plan.in_mask'),
            ('outputnode.probsegs', 'plan.probsegs'),
            ('outputnode.resolution', 'plan.resolution'),
            ('outputnode.segmentation', 'plan.segmentation'),
        ]),
        (preprocess, notes, [('outputnode.notes', 'in2')]),
    ])  # fmt: skip
    return preprocess, plan_wf, notes


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
    workflow.__desc__ = scan_methods(task, settings)
    preprocess, plan_wf, notes = add_preparation(workflow, task, settings)
    if task.direction == 'enhance':
        missing = why_not(task)
        change = init_enhance_wf(settings, task.name, alone, no_reference=missing)
        results = ENHANCE_OUTPUTS
    else:
        change, results = init_simulate_wf(settings, task.name), SIMULATE_OUTPUTS
    apart = task.direction == 'enhance' and keeps_another(settings)
    outputs = init_outputs_wf(task, settings, apart)
    made = 'outputnode.{}'.format
    used = 'inputnode.{}'.format
    compared = task.direction == 'enhance' and not missing
    measured = ['metrics_file'] if compared else []
    lattice = ['lattice_probsegs'] if task.direction == 'enhance' else []
    workflow.connect([
        (preprocess, change, [(made(name), used(name)) for name in [*PREPARED, *lattice]]),
        (plan_wf, change, [('plan.plan_file', used('plan_file'))]),
        (preprocess, outputs, [(made(name), used(name)) for name in KEPT]),
        (notes, outputs, [('out', used('notes'))]),
        (plan_wf, outputs, [('plan.plan_file', used('plan_file'))]),
        (change, outputs, [(made(n), used(n)) for n in results if n not in measured]),
    ])  # fmt: skip
    if apart:
        render = render_kept(settings, 'render_kept')
        workflow.connect([
            (change, render, [('fit.fit_file', 'fit_file')]),
            (preprocess, render, [(made('preproc'), 'in_file')]),
            (render, outputs, [(n, used(f'kept_{kept}')) for kept, n in RENDERED.items()]),
        ])  # fmt: skip
    if compared:
        highfield = init_highfield_wf(task, settings)
        workflow.connect([
            (preprocess, highfield, [(made('probsegs'), used('probsegs'))]),
            (change, highfield, [(made(n), used(n)) for n in COMPARED if n != 'probsegs']),
            (highfield, outputs, [(made(n), used(n)) for n in measured]),
        ])  # fmt: skip
    outputs.get_node('derivatives').inputs.methods = workflow.__desc__
    return workflow
