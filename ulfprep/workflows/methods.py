"""The methods texts of a run, without the run."""

from ulfprep.bids.read.scan import Scan
from ulfprep.settings import Settings
from ulfprep.workflows.fuse import init_fuse_wf
from ulfprep.workflows.group import GroupTask
from ulfprep.workflows.jobs import plan_jobs
from ulfprep.workflows.scan import init_scan_wf
from ulfprep.workflows.screen import screen


def planned_methods(scans: list[Scan], settings: Settings) -> list[str]:
    """Return the methods texts of the workflows that scans would go through, each once.

    Parameters
    ----------
    scans : list of Scan
        Those that cannot be processed are left out, with a line in the log.
    settings : Settings
        With ``device`` and ``segmentation`` resolved.

    Returns
    -------
    list of str
        In the order of the scans; ``[@key]`` cites.
    """
    texts = []
    for job in plan_jobs(*screen(scans, settings), settings):
        group = isinstance(job, GroupTask)
        workflow = (init_fuse_wf if group else init_scan_wf)(job, settings)
        texts.append(' '.join(workflow.visit_desc().split()))
    return list(dict.fromkeys(texts))
