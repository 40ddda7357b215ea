"""Ultra-low field to high field: fit the field, render it, hold it against the scan."""

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe
from niworkflows.engine.workflows import LiterateWorkflow

from ulfprep.bids.read.decision import MEASURED
from ulfprep.interfaces.inr import FitField, RenderField
from ulfprep.interfaces.metrics import Bicubic, EnhanceMetrics
from ulfprep.interfaces.physics import Residual
from ulfprep.settings import Settings

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
#: What a fit gives, and what is needed where it was one of several scans.
FITTED = ['fit_file', 'history_file']
SHARED = [*FITTED, 'registration_file']


def render_kept(settings: Settings, name: str, contrast: str = '') -> pe.Node:
    """Return the node that renders the images to keep, where others are measured.

    Parameters
    ----------
    settings : Settings
    name : str
        Of the node.
    contrast : str
        Modality, where the field shows several.
    """
    more = {'contrast': contrast} if contrast else {}
    return pe.Node(
        RenderField(spacing=settings.output_resolution, **more, **torch_inputs(settings)),
        name=name,
        n_procs=settings.omp_nthreads,
    )


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


def init_enhance_wf(
    settings: Settings,
    label: str,
    alone: bool = True,
    contrast: str = '',
    no_reference: str = '',
) -> LiterateWorkflow:
    """Build the workflow from tissues and contrast plan to the enhanced image.

    Parameters
    ----------
    settings : Settings
        ``device`` must be resolved.
    label : str
        Name of the scan in progress lines.
    alone : bool
        Whether no other scan runs at the same time.
    contrast : str
        Modality to render of a field that several scans share. Its fit is then no part of this
        workflow: ``inputnode`` takes :data:`SHARED`, and images are rendered where the
        scan lies.
    no_reference : str
        Why the image is not measured against a high-field one; empty where another workflow
        does that.

    Returns
    -------
    LiterateWorkflow
        With ``inputnode`` (:data:`INPUTS`) and ``outputnode`` (:data:`OUTPUTS`).
    """
    workflow = LiterateWorkflow(name='enhance_wf')
    inputs = [*INPUTS, *(SHARED if contrast else ())]
    inputnode = pe.Node(niu.IdentityInterface(fields=inputs), name='inputnode')
    outputnode = pe.Node(niu.IdentityInterface(fields=OUTPUTS), name='outputnode')
    if contrast:
        fit = pe.Node(niu.IdentityInterface(fields=FITTED), name='shared_fit')
    else:
        fit = pe.Node(
            FitField(**fit_inputs(settings, label, alone)),
            name='fit',
            n_procs=settings.omp_nthreads,
        )
    render = pe.Node(
        RenderField(spacing=MEASURED, **torch_inputs(settings)),
        name='render',
        n_procs=settings.omp_nthreads,
    )
    if contrast:
        render.inputs.contrast = contrast
    residual = pe.Node(Residual(), name='residual', n_procs=settings.omp_nthreads)
    bicubic = pe.Node(Bicubic(), name='bicubic')
    metrics = pe.Node(EnhanceMetrics(no_reference=no_reference), name='metrics')
    scan = [('preproc', 'in_file'), ('brain_mask', 'in_mask')]
    moved = ['registration_file'] if contrast else []
    tissues = [(name, name) for name in ('probsegs', 'lattice_probsegs', 'plan_file')]
    workflow.connect([
        (inputnode, fit, [(n, n) for n in FITTED] if contrast else [*scan, *tissues]),
        (inputnode, render, [('preproc', 'in_file'), *((n, n) for n in moved)]),
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
