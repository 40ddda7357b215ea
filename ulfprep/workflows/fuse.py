"""Several scans of a session as one workflow: each prepared by itself, one fit for all."""

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe
from niworkflows.engine.workflows import LiterateWorkflow

from ulfprep.bids.read.decision import expected_of, keeps_another, resolution_notes
from ulfprep.bids.read.highfield import why_not
from ulfprep.bids.task import Fusion, Task
from ulfprep.interfaces.inr import FitScans
from ulfprep.interfaces.registration import RegisterScan
from ulfprep.interfaces.together import SegmentTogether
from ulfprep.note import Note
from ulfprep.settings import Settings
from ulfprep.workflows.enhance import FITTED, fit_inputs, init_enhance_wf, render_kept
from ulfprep.workflows.enhance import OUTPUTS as ENHANCE_OUTPUTS
from ulfprep.workflows.jobs import job_node, node_name, register_name
from ulfprep.workflows.methods import at_once, fusion_methods
from ulfprep.workflows.outputs import RENDERED, init_outputs_wf
from ulfprep.workflows.scan import KEPT, PREPARED, add_preparation

#: What of a scan's preparation the fit takes, and as what.
TO_FIT = {
    'preproc': 'in_file',
    'brain_mask': 'in_mask',
    'probsegs': 'probsegs',
    'lattice_probsegs': 'lattice_probsegs',
}


def init_fuse_wf(fusion: Fusion, settings: Settings, alone: bool = True) -> LiterateWorkflow:
    """Build the workflow of a group of scans, from their files to derivatives and figures.

    Parameters
    ----------
    fusion : Fusion
        With two members or more.
    settings : Settings
        With ``device`` and ``segmentation`` resolved.
    alone : bool
        Whether nothing else runs at the same time.

    Returns
    -------
    LiterateWorkflow
    """
    workflow = LiterateWorkflow(name=job_node(fusion))
    prepared, results = [], []
    for number, task in enumerate(map(fusion.member, fusion.members)):
        # Its own image is kept in the world of the reference, and with the voxels asked for.
        elsewhere = task.role == 'scan' and _apart(number > 0, settings)
        before = LiterateWorkflow(name=node_name(task))
        add_preparation(before, task, settings)
        after = _results_wf(task, settings, elsewhere)
        workflow.connect([
            (before, after, [
                *((_made(name), f'enhance_wf.inputnode.{name}') for name in PREPARED),
                *((_made(name), f'outputs_wf.inputnode.{name}') for name in KEPT),
                ('plan_wf.plan.plan_file', 'enhance_wf.inputnode.plan_file'),
                ('plan_wf.plan.plan_file', 'outputs_wf.inputnode.plan_file'),
                ('notes.out', 'outputs_wf.inputnode.notes'),
            ]),
        ])  # fmt: skip
        prepared.append(before)
        results.append(after)
    shared = _add_fit(workflow, prepared, results, fusion, settings, alone)
    for contrast in fusion.contrasts:
        _add_image(workflow, prepared, results, fusion, contrast, settings, shared)
    workflow.__desc__ = methods = fusion_methods(fusion, settings)
    for name in workflow.list_node_names():
        if name.endswith('.derivatives'):
            workflow.get_node(name).inputs.methods = methods
    return workflow


def _apart(moved: bool, settings: Settings) -> bool:
    """Tell whether an image to keep is another than that which is measured and drawn."""
    return moved or keeps_another(settings)


def _made(name: str) -> str:
    return f'preprocess_wf.outputnode.{name}'


def _results_wf(task: Task, settings: Settings, elsewhere: bool) -> LiterateWorkflow:
    """Return the workflow of what one member gets from the fit, and of its files."""
    workflow = LiterateWorkflow(name=f'results_{node_name(task)}')
    enhance = init_enhance_wf(
        settings, task.name, contrast=task.scan.suffix, no_reference=why_not(task)
    )
    outputs = init_outputs_wf(task, settings, elsewhere)
    results = [(f'outputnode.{name}', f'inputnode.{name}') for name in ENHANCE_OUTPUTS]
    workflow.connect([(enhance, outputs, results)])
    return workflow


def _add_fit(workflow, prepared, results, fusion: Fusion, settings: Settings, alone: bool):
    """Add registrations and the fit; return the fit and the list of all registrations."""
    fit = pe.Node(
        FitScans(
            modalities=[task.scan.suffix for task in fusion.members],
            **fit_inputs(settings, fusion.members[0].name, alone),
        ),
        name='fit',
        n_procs=settings.omp_nthreads,
    )
    files = pe.Node(
        niu.Merge(len(prepared) - 1), name='registrations', run_without_submitting=True
    )
    registers = {}
    for number, (before, after) in enumerate(zip(prepared, results, strict=True), 1):
        workflow.connect([
            (before, fit, [
                *((_made(name), f'{known}_{number}') for name, known in TO_FIT.items()),
                ('plan_wf.plan.plan_file', f'plan_file_{number}'),
            ]),
            (fit, after, [(name, f'enhance_wf.inputnode.{name}') for name in FITTED]),
            (files, after, [('out', 'outputs_wf.inputnode.registration_files')]),
        ])  # fmt: skip
        if number > 1:
            register = _register_node(fusion.members[number - 1], fusion.members[0])
            registers[number - 1] = register
            image, mask = _made('preproc'), _made('brain_mask')
            file = 'registration_file'
            workflow.connect([
                (before, register, [(image, 'moving'), (mask, 'moving_mask')]),
                (prepared[0], register, [(image, 'fixed'), (mask, 'fixed_mask')]),
                (register, fit, [(file, f'{file}_{number}')]),
                (register, after, [(file, f'enhance_wf.inputnode.{file}')]),
                (register, files, [(file, f'in{number - 1}')]),
            ])  # fmt: skip
    if same := at_once(fusion, settings):
        _add_together(workflow, prepared, registers, fit, fusion, settings, same)
    return fit, files


def _add_together(workflow, prepared, registers, fit, fusion: Fusion, settings, same: list[int]):
    """Add one segmentation of all scans that are segmented at once, given by their places."""
    together = pe.Node(
        SegmentTogether(
            n_scans=len(same),
            spacing=2.0 if settings.sloppy else 1.0,
            expected=[expected_of(fusion.members[n].scan, settings) for n in same],
            modalities=[fusion.members[n].scan.suffix for n in same],
            network=settings.segmentation == 'network',
        ),
        name='together',
        n_procs=settings.omp_nthreads,
    )
    for number, place in enumerate(same, 1):
        workflow.connect([
            (prepared[place], together, [
                (_made('preproc'), f'in_file_{number}'),
                (_made('brain_mask'), f'in_mask_{number}'),
                ('plan_wf.plan.plan_file', f'plan_file_{number}'),
            ]),
        ])  # fmt: skip
        if place:
            file = 'registration_file'
            workflow.connect(registers[place], file, together, f'{file}_{number}')
    workflow.connect(together, 'probsegs', fit, 'tissues')


def _register_node(task: Task, reference: Task) -> pe.Node:
    return pe.Node(
        RegisterScan(
            name=task.name,
            reference=reference.name,
            same_contrast=task.scan.suffix == reference.scan.suffix,
        ),
        name=register_name(task),
    )


def _add_image(workflow, prepared, results, fusion, contrast, settings, shared):
    """Add what renders and writes the image of a contrast, on the grid of the reference.

    Figures and metrics hold it against the first scan of that contrast, in that scan's world.
    """
    fit, files = shared
    place = fusion.members.index(fusion.lead(contrast))
    apart = _apart(place > 0, settings)
    before, after = prepared[place], results[place]
    output = fusion.output(contrast)
    target, prefix = after, 'outputs_wf.inputnode'
    if output.role == 'fused':
        target, prefix = init_outputs_wf(output, settings, apart), 'inputnode'
        target.name = f'outputs_{contrast}_wf'
        notes = pe.Node(niu.Merge(1), name=f'notes_{contrast}', run_without_submitting=True)
        notes.inputs.in1 = _notes(fusion, contrast, settings)
        workflow.connect([
            (before, target, [
                *((_made(name), f'inputnode.{name}') for name in KEPT),
                ('plan_wf.plan.plan_file', 'inputnode.plan_file'),
            ]),
            (after, target, [
                (f'enhance_wf.outputnode.{name}', f'inputnode.{name}') for name in ENHANCE_OUTPUTS
            ]),
            (notes, target, [('out', 'inputnode.notes')]),
            (files, target, [('out', 'inputnode.registration_files')]),
        ])  # fmt: skip
    if not apart:
        return
    render = render_kept(settings, f'render_{contrast}', contrast)
    workflow.connect([
        (fit, render, [('fit_file', 'fit_file')]),
        (prepared[0], render, [(_made('preproc'), 'in_file')]),
        (render, target, [(name, f'{prefix}.kept_{kept}') for kept, name in RENDERED.items()]),
    ])  # fmt: skip


def _notes(fusion: Fusion, contrast: str, settings: Settings) -> list[Note]:
    """Return what the reader of the shared image should know."""
    lead = fusion.lead(contrast).name
    metrics = (
        f'Tissue means, metrics and figures hold the shared image against {lead}; those of the '
        'other scans are in their own sections.'
    )
    return [Note(metrics), *resolution_notes(settings)]
