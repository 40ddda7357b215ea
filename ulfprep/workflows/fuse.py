"""Several scans of a session as one workflow: each prepared by itself, one fit for all."""

from nipype.pipeline import engine as pe
from niworkflows.engine.workflows import LiterateWorkflow

from ulfprep.bids.read.decision import expected_of, keeps_another, resolution_notes
from ulfprep.bids.task import Fusion
from ulfprep.interfaces.inr import FitScans
from ulfprep.interfaces.together import RegisterScan, SegmentTogether
from ulfprep.note import Note
from ulfprep.settings import Settings
from ulfprep.workflows.jobs import job_node, node_name, register_name
from ulfprep.workflows.methods import at_once, fusion_methods
from ulfprep.workflows.preparation import add_preparation
from ulfprep.workflows.scan import add_measure, add_outputs, add_render, fit_inputs
from ulfprep.workflows.wiring import MEANT, Made, add


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
    workflow.__desc__ = methods = fusion_methods(fusion, settings)
    members = [fusion.member(task) for task in fusion.members]
    prepared: list[Made] = []
    for task in members:
        part = LiterateWorkflow(name=node_name(task))
        made = add_preparation(workflow, task, settings, part)
        prepared.append(_registered(workflow, made, prepared, fusion))
    fitted = _add_fit(workflow, prepared, fusion, settings, alone)
    # Images to keep lie in the world of the reference, and have the voxels asked for.
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
        own = kept.get(suffix) if task.role == 'scan' else None
        add_outputs(workflow, result, task, settings, methods, kept=own, part=part)
        results.append(result)
    for contrast in fusion.contrasts:
        output = fusion.output(contrast)
        if output.role != 'fused':
            continue
        # Figures and metrics hold it against the first scan of its contrast, in that scan's world.
        result = results[fusion.members.index(fusion.lead(contrast))]
        part = LiterateWorkflow(name=f'outputs_{contrast}')
        notes = _notes(fusion, contrast, settings)
        add_outputs(workflow, result, output, settings, methods, notes, kept.get(contrast), part)
    return workflow


def _registered(workflow, made: Made, prepared: list[Made], fusion: Fusion) -> Made:
    """Add the registration of a scan to the reference, which is the first and needs none."""
    if not prepared:
        return made
    task, reference = fusion.members[len(prepared)], fusion.members[0]
    register = RegisterScan(
        name=task.name,
        reference=reference.name,
        same_contrast=task.scan.suffix == reference.scan.suffix,
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
    takes = _numbered(prepared)
    if same := at_once(fusion, settings):
        together = SegmentTogether(
            n_scans=len(same),
            spacing=2.0 if settings.sloppy else 1.0,
            expected=[expected_of(fusion.members[n].scan, settings) for n in same],
            modalities=[fusion.members[n].scan.suffix for n in same],
            network=settings.segmentation == 'network',
        )
        node = pe.Node(together, name='together', n_procs=settings.omp_nthreads)
        found = add(workflow, node, _numbered([prepared[n] for n in same]))
        takes['tissues'] = found['probsegs']
    fit = FitScans(
        modalities=[task.scan.suffix for task in fusion.members],
        **fit_inputs(settings, fusion.members[0].name, alone),
    )
    node = pe.Node(fit, name='fit', n_procs=settings.omp_nthreads)
    fitted = add(workflow, node, takes)
    return {name: source for name, source in fitted.items() if source[1] is node}


def _numbered(prepared: list[Made]) -> Made:
    """Return what was made of several scans by names that end with their numbers, from one."""
    meant = {name: short for short, name in MEANT.items()}
    return {
        f'{meant.get(name, name)}_{number}': source
        for number, made in enumerate(prepared, 1)
        for name, source in made.items()
    }


def _notes(fusion: Fusion, contrast: str, settings: Settings) -> tuple[Note, ...]:
    """Return what the reader of the shared image should know."""
    lead = fusion.lead(contrast).name
    metrics = (
        f'Tissue means, metrics and figures hold the shared image against {lead}; those of the '
        'other scans are in their own sections.'
    )
    return Note(metrics), *resolution_notes(settings)
