"""The QC file of a scan: everything its report and the group table need."""

from ulfprep.bids.dataset import Scan


def qc_record(
    scan: Scan,
    *,
    direction: str,
    made_by: dict,
    metrics: dict,
    null_reasons: dict,
    notes: list[str],
    plan: dict,
    segmentation: dict,
    fit: dict | None,
    methods: str,
    simulation: dict | None = None,
) -> dict:
    """Return the content of ``desc-qc_<modality>.json``.

    Parameters
    ----------
    scan : Scan
    direction : {'enhance', 'simulate'}
    made_by : dict
        Settings, seed, versions and input digest, from ``sidecars.provenance``.
    metrics : dict
        Name -> number or None.
    null_reasons : dict
        Name -> why that metric is None.
    notes : list of str
        What was found and decided, a sentence each.
    plan : dict
        The contrast plan.
    segmentation : dict
        Method, class means and standard deviations.
    fit : dict or None
        History, options and device of the fit; None when simulating.
    methods : str
        Methods text of this scan's workflow.
    simulation : dict or None
        What was simulated; None when enhancing.
    """
    return {
        'entities': {**scan.entities, 'session': scan.session},
        'modality': scan.suffix,
        'source': scan.source,
        'direction': direction,
        'metrics': metrics,
        'null_reasons': null_reasons,
        'notes': notes,
        'contrast': plan,
        'segmentation': segmentation,
        'fit': fit,
        'simulation': simulation,
        'methods': methods,
        **made_by,
    }
