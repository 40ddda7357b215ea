"""An enhanced scan held against a high-field image of the same head, where there is one."""

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe
from niworkflows.engine.workflows import LiterateWorkflow

from ulfprep.bids.given import Given
from ulfprep.bids.task import Task
from ulfprep.interfaces.highfield import CompareReference
from ulfprep.settings import Settings
from ulfprep.workflows.preprocess import init_preprocess_wf
from ulfprep.workflows.verdicts import HIGHFIELD

#: What is taken of the scan and of its enhanced image.
INPUTS = ['probsegs', 'enhanced', 'fine_dseg', 'fine_probsegs', 'bicubic', 'metrics_file']


def init_highfield_wf(task: Task, settings: Settings) -> LiterateWorkflow:
    """Build the workflow from a reference's file to the metrics against it.

    Parameters
    ----------
    task : Task
        With a ``highfield`` that can be used.
    settings : Settings
        With ``segmentation`` resolved.

    Returns
    -------
    LiterateWorkflow
        With ``inputnode`` (:data:`INPUTS`) and ``outputnode`` (``metrics_file``).
    """
    reference = task.highfield
    workflow = LiterateWorkflow(name=HIGHFIELD)
    preprocess = init_preprocess_wf(reference.scan, settings.of_another_scanner(), Given())
    inputnode = pe.Node(niu.IdentityInterface(fields=INPUTS), name='inputnode')
    outputnode = pe.Node(niu.IdentityInterface(fields=['metrics_file']), name='outputnode')
    compare = pe.Node(CompareReference(source=reference.source, name=task.name), name='compare')
    if reference.field_strength is not None:
        compare.inputs.field_strength = reference.field_strength
    workflow.connect([
        (inputnode, compare, [(name, name) for name in INPUTS]),
        (preprocess, compare, [
            ('outputnode.preproc', 'reference'),
            ('outputnode.brain_mask', 'reference_mask'),
            ('outputnode.probsegs', 'reference_probsegs'),
            ('outputnode.notes', 'reference_notes'),
        ]),
        (compare, outputnode, [('out_file', 'metrics_file')]),
    ])  # fmt: skip
    return workflow
