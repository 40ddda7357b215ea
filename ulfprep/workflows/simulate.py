"""High field to ultra-low field: the forward model applied, and noise added."""

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe
from niworkflows.engine.workflows import LiterateWorkflow

from ulfprep.interfaces.metrics import SimulateMetrics
from ulfprep.interfaces.physics import Simulate
from ulfprep.settings import Settings

INPUTS = ['preproc', 'brain_mask', 'probsegs', 'plan_file', 'conformed', 'bias_field']
OUTPUTS = ['simulated', 'simulated_files', 'facts', 'metrics_file']


def init_simulate_wf(settings: Settings, label: str) -> LiterateWorkflow:
    """Build the workflow from tissues and contrast plan to the simulated scans.

    Parameters
    ----------
    settings : Settings
    label : str
        Name of the scan: with the seed it fixes every random number.

    Returns
    -------
    LiterateWorkflow
        With ``inputnode`` (:data:`INPUTS`) and ``outputnode`` (:data:`OUTPUTS`).
    """
    workflow = LiterateWorkflow(name='simulate_wf')
    inputnode = pe.Node(niu.IdentityInterface(fields=INPUTS), name='inputnode')
    outputnode = pe.Node(niu.IdentityInterface(fields=OUTPUTS), name='outputnode')
    simulate = pe.Node(
        Simulate(
            seed=settings.random_seed,
            label=label,
            voxel_size=list(settings.target_resolution),
            n_realisations=settings.n_realisations,
            bias_strength=settings.bias_strength,
            noise_fwhm=settings.noise_fwhm,
            keep_head=settings.keep_head,
        ),
        name='simulate',
        n_procs=settings.omp_nthreads,
    )
    if settings.target_snr is not None:
        simulate.inputs.snr = settings.target_snr
    metrics = pe.Node(SimulateMetrics(), name='metrics')
    workflow.connect([
        (inputnode, simulate, [
            ('preproc', 'in_file'),
            ('brain_mask', 'in_mask'),
            ('probsegs', 'probsegs'),
            ('plan_file', 'plan_file'),
        ]),
        (inputnode, metrics, [
            ('preproc', 'in_file'),
            ('brain_mask', 'in_mask'),
            ('probsegs', 'probsegs'),
            ('plan_file', 'plan_file'),
            ('conformed', 'conformed'),
            ('bias_field', 'bias_field'),
        ]),
        (simulate, metrics, [('first', 'simulated'), ('facts', 'facts')]),
        (simulate, outputnode, [
            ('first', 'simulated'),
            ('out_files', 'simulated_files'),
            ('facts', 'facts'),
        ]),
        (metrics, outputnode, [('out_file', 'metrics_file')]),
    ])  # fmt: skip
    return workflow
