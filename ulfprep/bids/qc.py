"""The QC file of a scan: everything its report and the group table need."""

from ulfprep.bids.dataset import Scan
from ulfprep.bids.finished import fusion_digest


def qc_record(
    scan: Scan,
    *,
    direction: str,
    made_by: dict,
    verdict: tuple[str, tuple[str, ...]],
    metrics: dict,
    null_reasons: dict,
    notes: list[str],
    plan: dict,
    segmentation: dict,
    fit: dict | None,
    methods: str,
    simulation: dict | None = None,
    registrations: list[dict] = (),
    reference: dict | None = None,
) -> dict:
    """Return the content of ``desc-qc_<modality>.json``.

    Parameters
    ----------
    scan : Scan
    direction : {'enhance', 'simulate'}
    made_by : dict
        Settings, seed, versions and input digest, from ``sidecars.provenance``.
    verdict : tuple of str and tuple of str
        Level and reasons (:func:`ulfprep.metrics.verdict.judge`).
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
    registrations : list of dict
        Of the scans that it was fitted with.
    reference : dict or None
        What it was measured against: ``source``, ``field_T``, ``transform`` (4x4, from its world
        to that of the scan, mm), how far it was moved and how alike the two were.
    """
    return {
        'entities': {**scan.entities, 'session': scan.session},
        'modality': scan.suffix,
        'source': scan.source,
        'direction': direction,
        'verdict': {'level': verdict[0], 'reasons': list(verdict[1])},
        'metrics': metrics,
        'null_reasons': null_reasons,
        'notes': notes,
        'contrast': plan,
        'segmentation': segmentation,
        'precomputed': precomputed_record(scan),
        'fit': fit,
        'simulation': simulation,
        'reference': reference,
        'fusion': fusion_record(scan, registrations) if scan.fusion else None,
        'methods': methods,
        **made_by,
    }


def precomputed_record(scan: Scan) -> dict | None:
    """Return what was taken of other software: BIDS URIs by what they are; None if nothing."""
    if not scan.precomputed or not scan.precomputed.pieces:
        return None
    return {piece.what: list(piece.sources) for piece in scan.precomputed.pieces}


def fusion_record(scan: Scan, registrations: list[dict]) -> dict:
    """Return what the QC file says of the scans that one was fitted with.

    Parameters
    ----------
    scan : Scan
        With its ``fusion``.
    registrations : list of dict
        ``name``, ``transform`` (4x4, from its world to the reference's, mm), ``rotation_deg``,
        ``translation_mm``, ``similarity_before``, ``similarity_after``.
    """
    fusion = scan.fusion
    out = dict(fusion.left_out)
    alone = not scan.is_fused
    return {
        'role': 'alone' if alone else scan.role,
        'output': scan.name if alone else fusion.output(scan.suffix).name,
        'reference': None if alone else fusion.members[0].name,
        'scans': [
            {'name': member.name, 'source': member.source, 'modality': member.suffix}
            for member in fusion.members
        ],
        'registrations': list(registrations),
        'left_out': [{'name': name, 'reason': reason} for name, reason in out.items()],
        'digest': fusion_digest(fusion),
    }
