"""Several scans of a session as one workflow: each prepared by itself, one fit for all."""

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe
from niworkflows.engine.workflows import LiterateWorkflow

from ulfprep.bids.read.decision import expected_of
from ulfprep.bids.read.highfield import why_not
from ulfprep.bids.read.scan import Fusion, Scan
from ulfprep.interfaces.inr import FitScans
from ulfprep.interfaces.registration import RegisterScan
from ulfprep.interfaces.together import SegmentTogether
from ulfprep.settings import Settings
from ulfprep.workflows.enhance import (
    FITTED,
    fit_inputs,
    init_enhance_wf,
    keeps_another,
    render_kept,
    resolution_notes,
)
from ulfprep.workflows.enhance import OUTPUTS as ENHANCE_OUTPUTS
from ulfprep.workflows.group import GroupTask, register_name
from ulfprep.workflows.methods import at_once, fusion_methods
from ulfprep.workflows.outputs import RENDERED, init_outputs_wf
from ulfprep.workflows.scan import (
    KEPT,
    PREPARED,
    Task,
    add_preparation,
    node_name,
)

#: What of a scan's preparation the fit takes, and as what.
TO_FIT = {
    'preproc': 'in_file',
    'brain_mask': 'in_mask',
    'probsegs': 'probsegs',
    'lattice_probsegs': 'lattice_probsegs',
}


def init_fuse_wf(group: GroupTask, settings: Settings, alone: bool = True) -> LiterateWorkflow:
    """Build the workflow of a group of scans, from their files to derivatives and figures.

    Parameters
    ----------
    group : GroupTask
    settings : Settings
        With ``device`` and ``segmentation`` resolved.
    alone : bool
        Whether nothing else runs at the same time.

    Returns
    -------
    LiterateWorkflow
    """
    fusion = group.fusion
    workflow = LiterateWorkflow(name=group.node)
    prepared, results = [], []
    for task in group.tasks:
        scan = fusion.member(task.scan)
        # Its own image is kept in the world of the reference, and with the voxels asked for.
        elsewhere = scan.role == 'scan' and _apart(task is not group.tasks[0], settings)
        before = _prepared_wf(task, settings)
        after = _results_wf(scan, settings, elsewhere)
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
    fields = [task.fields for task in group.tasks]
    workflow.__desc__ = methods = fusion_methods(fusion, fields, settings)
    for name in workflow.list_node_names():
        if name.endswith('.derivatives'):
            workflow.get_node(name).inputs.methods = methods
    return workflow


def _apart(moved: bool, settings: Settings) -> bool:
    """Tell whether an image to keep is another than that which is measured and drawn."""
    return moved or keeps_another(settings)


def _made(name: str) -> str:
    return f'preprocess_wf.outputnode.{name}'


def _prepared_wf(task: Task, settings: Settings) -> LiterateWorkflow:
    """Return the workflow of what is done to one member before the fit."""
    workflow = LiterateWorkflow(name=node_name(task.scan))
    add_preparation(workflow, task, settings)
    return workflow


def _results_wf(scan: Scan, settings: Settings, elsewhere: bool) -> LiterateWorkflow:
    """Return the workflow of what one member gets from the fit, and of its files."""
    workflow = LiterateWorkflow(name=f'results_{node_name(scan)}')
    missing = why_not(scan)
    enhance = init_enhance_wf(settings, scan.name, contrast=scan.suffix, no_reference=missing)
    outputs = init_outputs_wf(scan, settings, 'enhance', elsewhere)
    results = [(f'outputnode.{name}', f'inputnode.{name}') for name in ENHANCE_OUTPUTS]
    workflow.connect([(enhance, outputs, results)])
    return workflow


def _add_fit(workflow, prepared, results, fusion: Fusion, settings: Settings, alone: bool):
    """Add registrations and the fit; return the fit and the list of all registrations."""
    fit = pe.Node(
        FitScans(
            modalities=[scan.suffix for scan in fusion.members],
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
            expected=[expected_of(fusion.members[n], settings) for n in same],
            modalities=[fusion.members[n].suffix for n in same],
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


def _register_node(scan: Scan, reference: Scan) -> pe.Node:
    return pe.Node(
        RegisterScan(
            name=scan.name,
            reference=reference.name,
            same_contrast=scan.suffix == reference.suffix,
        ),
        name=register_name(scan),
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
        target, prefix = init_outputs_wf(output, settings, 'enhance', apart), 'inputnode'
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


def _notes(fusion: Fusion, contrast: str, settings: Settings) -> list[str]:
    """Return what the reader of the shared image should know."""
    lead = fusion.lead(contrast).name
    metrics = (
        f'Tissue means, metrics and figures hold the shared image against {lead}; those of the '
        'other scans are in their own sections.'
    )
    return [*fusion.notes, metrics, *resolution_notes(settings)]
