"""The scan that others shall look like: measured once, for all scans of a run."""

from nipype.pipeline import engine as pe
from niworkflows.engine.workflows import LiterateWorkflow

from ulfprep.bids.given import Given
from ulfprep.bids.read.highfield import other_scan
from ulfprep.interfaces.physics import MeasureTissues
from ulfprep.settings import Settings
from ulfprep.workflows.preprocess import init_preprocess_wf
from ulfprep.workflows.verdicts import TARGET_LIKE

#: What comes of it, in the folder of the workflow.
MEASURED = 'measure/reference.json'


def reference_name(settings: Settings) -> str:
    """Return the name of the workflow: another one for everything that may change its results.

    So the steps of one run are never replaced by those of another that uses the work folder too.
    """
    return f'{TARGET_LIKE}_{settings.digest()}_{settings.modalities[0]}'


def init_reference_wf(settings: Settings, name: str = TARGET_LIKE) -> LiterateWorkflow:
    """Build the workflow that measures the tissues of the scan of ``--target-like``.

    Returns
    -------
    LiterateWorkflow
        Its node ``measure`` writes :data:`MEASURED`.
    """
    path = settings.target_like
    workflow = LiterateWorkflow(name=name)
    scan = other_scan(path, settings.modalities[0])
    preprocess = init_preprocess_wf(scan, settings.of_another_scanner(), Given())
    measure = pe.Node(MeasureTissues(name=path.name), name='measure')
    workflow.connect([
        (preprocess, measure, [
            ('outputnode.preproc', 'in_file'),
            ('outputnode.brain_mask', 'in_mask'),
            ('outputnode.probsegs', 'probsegs'),
        ]),
    ])  # fmt: skip
    return workflow
