"""Ultra-low field to high field: fit the field, render it, hold it against the scan."""

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe
from niworkflows.engine.workflows import LiterateWorkflow

from ulfprep.interfaces.inr import FitField, RenderField
from ulfprep.interfaces.metrics import Bicubic, EnhanceMetrics
from ulfprep.interfaces.physics import Residual
from ulfprep.settings import Settings

BOILERPLATE = """\
The image at the target field strength was estimated from the scan alone. A regularised linear
inverse of the point-spread function, as smooth as the noise demands (discrepancy principle), gave
a first estimate; an implicit neural representation of intensity and tissue probabilities in
world coordinates corrects it so that the forward model (one contrast factor a tissue,
point-spread function, sampling) reproduces the measured voxels [@hulfsynth], under
Dice and cross-entropy to the tissue segmentation and total variation. {network} It was rendered
at 1 mm.
Its standard deviation adds up the noise that passed the inverse, what the image loses when it is
sent through the forward model and the inverse once more, the spread of intensities within a
tissue, and the spread over the tissues that a point may belong to; one factor, measured on
simulated scans, stands for the anatomy that neither scan nor image holds. Errors of the
model itself are not in it. The entropy of the tissue probabilities and a claim map (the share of
the energy of local detail that passes forward model and inverse, less that of noise) are
reported beside it, and the residual of this fit, in units of the noise, for every
voxel. """
NETWORKS = {
    'lattice': 'Its network is a small MLP of Gabor wavelets [@wire] over multi-resolution '
    'lattices of trained features.',
    'wire': 'Its network is the published one: random Fourier features [@fourier] into five '
    'layers of 128 Gabor wavelets [@wire].',
    'siren': 'Its network is an MLP of sines [@siren].',
}

INPUTS = [
    'preproc',
    'brain_mask',
    'probsegs',
    'lattice_probsegs',
    'plan_file',
    'conformed',
    'bias_field',
]
OUTPUTS = [
    'enhanced',
    'fine_probsegs',
    'fine_dseg',
    'uncertainty',
    'entropy',
    'claim',
    'bicubic',
    'residual',
    'history_file',
    'metrics_file',
    'tissue_change',
    'tissue_move',
]
#: Memory a fit may take, GB; half of it is torch itself.
FIT_MEMORY = 3.0


def init_enhance_wf(settings: Settings, label: str, alone: bool = True) -> LiterateWorkflow:
    """Build the workflow from tissues and contrast plan to the enhanced image.

    Parameters
    ----------
    settings : Settings
        ``device`` must be resolved.
    label : str
        Name of the scan in progress lines.
    alone : bool
        Whether no other scan runs at the same time.

    Returns
    -------
    LiterateWorkflow
        With ``inputnode`` (:data:`INPUTS`) and ``outputnode`` (:data:`OUTPUTS`).
    """
    workflow = LiterateWorkflow(name='enhance_wf')
    workflow.__desc__ = BOILERPLATE.format(network=NETWORKS[settings.backbone])
    inputnode = pe.Node(niu.IdentityInterface(fields=INPUTS), name='inputnode')
    outputnode = pe.Node(niu.IdentityInterface(fields=OUTPUTS), name='outputnode')
    torch_inputs = {
        'device': settings.device,
        'use_gpu': settings.device.startswith('cuda'),
        'n_threads': settings.omp_nthreads,
    }
    fit = pe.Node(
        FitField(
            sloppy=settings.sloppy,
            likelihood=settings.likelihood,
            backbone=settings.backbone,
            seed=settings.random_seed,
            label=label,
            alone=alone,
            **torch_inputs,
        ),
        name='fit',
        n_procs=settings.omp_nthreads,
        mem_gb=FIT_MEMORY,
    )
    render = pe.Node(
        RenderField(**torch_inputs),
        name='render',
        n_procs=settings.omp_nthreads,
        mem_gb=FIT_MEMORY,
    )
    residual = pe.Node(Residual(), name='residual', n_procs=settings.omp_nthreads, mem_gb=2.0)
    bicubic = pe.Node(Bicubic(), name='bicubic', mem_gb=1.0)
    metrics = pe.Node(EnhanceMetrics(), name='metrics', mem_gb=2.0)
    scan = [('preproc', 'in_file'), ('brain_mask', 'in_mask')]
    workflow.connect([
        (inputnode, fit, [
            *scan,
            *((name, name) for name in ('probsegs', 'lattice_probsegs', 'plan_file')),
        ]),
        (inputnode, render, [('preproc', 'in_file')]),
        (fit, render, [('fit_file', 'fit_file')]),
        (inputnode, residual, [*scan, ('plan_file', 'plan_file')]),
        (render, residual, [('enhanced', 'enhanced'), ('probsegs', 'fine_probsegs')]),
        (inputnode, bicubic, [('preproc', 'in_file')]),
        (render, bicubic, [('enhanced', 'enhanced')]),
        (inputnode, metrics, [
            *scan,
            *((name, name) for name in ('probsegs', 'plan_file', 'conformed', 'bias_field')),
        ]),
        (render, metrics, [
            ('enhanced', 'enhanced'),
            ('probsegs', 'fine_probsegs'),
            ('dseg', 'fine_dseg'),
            *((name, name) for name in ('uncertainty', 'entropy', 'claim')),
        ]),
        (bicubic, metrics, [('out_file', 'bicubic')]),
        (residual, metrics, [('out_file', 'residual')]),
        (render, outputnode, [
            ('enhanced', 'enhanced'),
            ('probsegs', 'fine_probsegs'),
            ('dseg', 'fine_dseg'),
            *((name, name) for name in ('uncertainty', 'entropy', 'claim')),
        ]),
        (bicubic, outputnode, [('out_file', 'bicubic')]),
        (residual, outputnode, [('out_file', 'residual')]),
        (fit, outputnode, [('history_file', 'history_file')]),
        (metrics, outputnode, [
            ('out_file', 'metrics_file'),
            ('tissue_change', 'tissue_change'),
            ('tissue_move', 'tissue_move'),
        ]),
    ])  # fmt: skip
    return workflow
