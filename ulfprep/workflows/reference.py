"""The scan that others shall look like: measured once, for all scans of a run."""

from pathlib import Path

from nipype.pipeline import engine as pe
from niworkflows.engine.workflows import LiterateWorkflow

from ulfprep.bids.names import parse_name, sidecar_of
from ulfprep.bids.read.scan import Scan
from ulfprep.bids.read.sidecars import read_sidecar, usable_metadata
from ulfprep.interfaces.physics import MeasureTissues
from ulfprep.settings import MODALITIES, Settings
from ulfprep.workflows.preprocess import init_preprocess_wf

NAME = 'reference_wf'
#: What comes of it, in the folder of the workflow.
MEASURED = 'measure/reference.json'


def reference_scan(path: Path, modality: str) -> Scan:
    """Return a reference image as a scan, with the sidecar beside it where there is one.

    Parameters
    ----------
    path : Path
        NIfTI file; need not be part of a BIDS dataset.
    modality : str
        Taken where the file's name does not end in one.
    """
    ending, sidecar = parse_name(path).suffix, sidecar_of(path)
    stated = read_sidecar(sidecar) if sidecar.is_file() else {}
    metadata, remarks = usable_metadata(stated)
    return Scan(
        path=path,
        entities={'subject': 'reference'},
        metadata=metadata,
        remarks=remarks,
        stem='reference',
        source=path.name,
        suffix=ending if ending in MODALITIES else modality,
    )


def reference_name(settings: Settings) -> str:
    """Return the name of the workflow: another one for everything that may change its results.

    So the steps of one run are never replaced by those of another that uses the work folder too.
    """
    return f'{NAME}_{settings.digest()}_{settings.modalities[0]}'


def init_reference_wf(settings: Settings, name: str = NAME) -> LiterateWorkflow:
    """Build the workflow that measures the tissues of the scan of ``--target-like``.

    Returns
    -------
    LiterateWorkflow
        Its node ``measure`` writes :data:`MEASURED`.
    """
    path = settings.target_like
    workflow = LiterateWorkflow(name=name)
    scan = reference_scan(path, settings.modalities[0])
    preprocess = init_preprocess_wf(scan, settings.of_another_scanner())
    measure = pe.Node(MeasureTissues(name=path.name), name='measure')
    workflow.connect([
        (preprocess, measure, [
            ('outputnode.preproc', 'in_file'),
            ('outputnode.brain_mask', 'in_mask'),
            ('outputnode.probsegs', 'probsegs'),
        ]),
    ])  # fmt: skip
    return workflow
