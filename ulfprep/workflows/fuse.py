"""Several scans of a session as one workflow: each prepared by itself, one fit for all."""

from nipype.pipeline import engine as pe
from niworkflows.engine.workflows import LiterateWorkflow

from ulfprep.bids.read.decision import expected_of, keeps_another, resolution_notes
from ulfprep.bids.task import Fusion
from ulfprep.interfaces.together import RegisterScan, SegmentTogether
from ulfprep.note import Note
from ulfprep.settings import Settings
from ulfprep.workflows.jobs import job_node, node_name, register_name
from ulfprep.workflows.methods import at_once, fusion_methods
from ulfprep.workflows.preparation import add_preparation
from ulfprep.workflows.scan import add_fit, add_measure, add_render, add_write, numbered
from ulfprep.workflows.wiring import Made, add


def init_fuse_wf(fusion: Fusion, settings: Settings, alone: bool = True) -> LiterateWorkflow:
    """Build the workflow of two scans or more, from their files to derivatives and figures.

    ``alone`` is whether nothing else runs at the same time.
    """
    workflow = LiterateWorkflow(name=job_node(fusion))
    workflow.__desc__ = methods = fusion_methods(fusion, settings)
    members = [fusion.member(task) for task in fusion.members]
    prepared: list[Made] = []
    for task in members:
        part = LiterateWorkflow(name=node_name(task))
        made = add_preparation(workflow, task, settings, part)
        prepared.append(_registered(workflow, made, prepared, fusion))
    fitted = _add_fit(workflow, prepared, fusion, settings, alone)
    # Images to keep lie in the world of the anchor, and have the voxels asked for.
    kept = {
        contrast: add_render(
            workflow, prepared[0] | fitted, settings, f'render_{contrast}', contrast
        )
        for contrast in fusion.contrasts
        if fusion.lead(contrast) != fusion.members[0] or keeps_another(settings)
    }
    results = []
    for task, made in zip(members, prepared, strict=True):
        part = LiterateWorkflow(name=f'results_{node_name(task)}')
        suffix = task.scan.suffix
        result = add_measure(workflow, made | fitted, task, settings, suffix, part)
        own = kept.get(suffix, {}) if task.role == 'scan' else {}
        add_write(workflow, result | own, task, settings, methods, part=part)
        results.append(result)
    for contrast in fusion.contrasts:
        output = fusion.output(contrast)
        if output.role != 'fused':
            continue
        # Figures and metrics hold it against the first scan of its contrast, in that scan's world.
        result = results[fusion.members.index(fusion.lead(contrast))] | kept.get(contrast, {})
        part = LiterateWorkflow(name=f'outputs_{contrast}')
        notes = _notes(fusion, contrast, settings)
        add_write(workflow, result, output, settings, methods, notes, part)
    return workflow


def _registered(workflow, made: Made, prepared: list[Made], fusion: Fusion) -> Made:
    """Add the registration of a scan to the anchor, which is the first and needs none."""
    if not prepared:
        return made
    task, anchor = fusion.members[len(prepared)], fusion.members[0]
    register = RegisterScan(
        name=task.name,
        anchor=anchor.name,
        same_contrast=task.scan.suffix == anchor.scan.suffix,
    )
    takes = {
        'moving': made['preproc'],
        'moving_mask': made['brain_mask'],
        'fixed': prepared[0]['preproc'],
        'fixed_mask': prepared[0]['brain_mask'],
    }
    registered = add(workflow, pe.Node(register, name=register_name(task)), takes)
    return made | {'registration_file': registered['registration_file']}


def _add_fit(workflow, prepared: list[Made], fusion: Fusion, settings: Settings, alone) -> Made:
    """Add the fit, and one segmentation of all scans that are segmented at once."""
    takes = numbered(prepared)
    if same := at_once(fusion, settings):
        scans = [fusion.members[n].scan for n in same]
        together = SegmentTogether(
            modalities=[scan.suffix for scan in scans],
            spacing=2.0 if settings.sloppy else 1.0,
            expected=[expected_of(scan, settings) for scan in scans],
            network=settings.segmentation == 'network',
        )
        node = pe.Node(together, name='together', n_procs=settings.omp_nthreads)
        found = add(workflow, node, numbered([prepared[n] for n in same]))
        takes['tissues'] = found['tissues']
    return add_fit(workflow, takes, list(fusion.members), settings, alone)


def _notes(fusion: Fusion, contrast: str, settings: Settings) -> tuple[Note, ...]:
    """Return what the reader of the shared image should know."""
    lead = fusion.lead(contrast).name
    metrics = (
        f'Tissue means, metrics and figures hold the shared image against {lead}; those of the '
        'other scans are in their own sections.'
    )
    return Note(metrics), *resolution_notes(settings)
