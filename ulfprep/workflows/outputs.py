"""What is kept of a scan: derivatives first, then the figures."""

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe
from niworkflows.engine.workflows import LiterateWorkflow

from ulfprep.bids.task import Task
from ulfprep.interfaces.outputs import WriteDerivatives, WriteFigures
from ulfprep.settings import Settings

COMMON = ['preproc', 'brain_mask', 'dseg']
RESULTS = {
    'enhance': ['enhanced', 'fine_dseg', 'uncertainty', 'entropy', 'claim', 'residual'],
    'simulate': ['simulated'],
}
ONLY_DERIVATIVES = {
    'enhance': ['fine_probsegs', 'history_file'],
    'simulate': ['simulated_files', 'facts'],
}
#: What is rendered of the field, and its name there.
RENDERED = {name: name for name in RESULTS['enhance'] if name != 'residual'}
RENDERED |= {'fine_dseg': 'dseg', 'fine_probsegs': 'probsegs'}
#: Of the scan before any fit, for figures alone.
PREPARED = ['conformed', 'bias_field', 'disagreement']
ONLY_FIGURES = {'enhance': ['bicubic', 'tissue_change', 'tissue_move'], 'simulate': []}


def init_outputs_wf(task: Task, settings: Settings, elsewhere: bool = False) -> LiterateWorkflow:
    """Build the workflow that writes a scan's files into the output folder.

    Parameters
    ----------
    task : Task
    settings : Settings
    elsewhere : bool
        Whether the images to keep lie in another world than those to draw, or have other voxels.
        They have inputs of their own then, :data:`RENDERED` with ``kept_`` before the name.

    Returns
    -------
    LiterateWorkflow
        With an ``inputnode``; the node ``derivatives`` takes the methods text as
        ``inputs.methods`` once the whole workflow is known.
    """
    workflow, direction = LiterateWorkflow(name='outputs_wf'), task.direction
    to_both = [*COMMON, *RESULTS[direction]]
    to_derivatives = [
        *(name for name in to_both if name != 'simulated'),
        *ONLY_DERIVATIVES[direction],
        'probsegs',
        'segmentation',
        'plan_file',
        'metrics_file',
        'stripped',
        'given_bias',
        'notes',
    ]
    to_figures = [*to_both, *ONLY_FIGURES[direction], *PREPARED]
    if task.fusion:
        to_derivatives.append('registration_files')
    apart = RENDERED if elsewhere else {}
    fields = {*to_derivatives, *to_figures, *(f'kept_{name}' for name in apart)}
    inputnode = pe.Node(niu.IdentityInterface(fields=sorted(fields)), name='inputnode')
    derivatives = pe.Node(WriteDerivatives(task=task, settings=settings), name='derivatives')
    figures = pe.Node(WriteFigures(task=task, output_dir=str(settings.output_dir)), name='figures')
    workflow.connect([
        (inputnode, derivatives, [
            (f'kept_{name}' if name in apart else name, name) for name in to_derivatives
        ]),
        (inputnode, figures, [(name, name) for name in to_figures]),
        (derivatives, figures, [('qc_file', 'qc_file')]),
    ])  # fmt: skip
    return workflow
