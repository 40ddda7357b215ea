"""Tables of a report: where the targets come from, relaxation values, the simulated scanner."""

from math import floor, log10

from ulfprep.reports.texts import DASH, MINUS, millimetres, number

PLUS_MINUS = '\u00b1'


def targets(plan):
    """Return one row a tissue: what was measured, what was aimed at, and why.

    Parameters
    ----------
    plan : mapping
        Contrast plan.

    Returns
    -------
    list of tuple of str
        Tissue, mean, signal to noise, target (means relative to white matter), factor,
        where the target comes from.
    """
    tissues = plan.get('tissues') or ()
    means, wanted = plan.get('means') or (), plan.get('target_means') or ()
    if not (len(tissues) == len(means) == len(wanted) == 3):
        return []
    white = means[2]
    columns = {
        name: plan.get(name) or [None] * 3
        for name in ('standard_errors', 'snr', 'snr_standard_errors', 'target_spread')
    }
    sources, factors = plan.get('target_sources') or [''] * 3, plan.get('contrast_vector')
    return [
        (
            tissue,
            _with_error(means[k] / white, columns['standard_errors'][k], white),
            _with_error(columns['snr'][k], columns['snr_standard_errors'][k]),
            _with_error(wanted[k] / white, columns['target_spread'][k], white),
            number(factors[k], 3) if factors else 'n/a',
            sources[k] or DASH,
        )
        for k, tissue in enumerate(tissues)
    ]


def relaxation(plan):
    """Return one row a field and tissue: T1, T2, proton density, and who measured them."""
    rows = []
    for side, field in (('source', 'source_field_T'), ('target', 'target_field_T')):
        for tissue, values in ((plan.get('relaxation') or {}).get(side) or {}).items():
            rows.append(
                (
                    f'{tissue} at {number(plan.get(field))} T',
                    _with_error(values.get('T1_ms'), values.get('T1_sd_ms')),
                    _with_error(values.get('T2_ms'), values.get('T2_sd_ms')),
                    _with_error(values.get('PD'), values.get('PD_sd')),
                    '; '.join(values.get('sources') or ()),
                )
            )
    return rows


def simulation(qc):
    """Return ``(name, value)`` rows: how scans were simulated; none where none were."""
    facts = qc.get('simulation') or {}
    if not facts:
        return []
    bias, width = facts.get('bias_strength'), facts.get('noise_fwhm_mm')
    return [
        ('Simulated voxels', millimetres(facts.get('voxel_size_mm'))),
        ('Simulated point-spread function', facts.get('psf') or 'not recorded'),
        ('Simulated white-matter SNR', number(facts.get('snr'), 3)),
        ('Simulated noise sigma', number(facts.get('noise_sd'))),
        ('Simulated receive field', f's.d. of its logarithm {number(bias)}' if bias else 'none'),
        ('Correlation of the noise', f'{number(width)} mm' if width else 'none, white noise'),
        ('Outside the brain', 'kept' if facts.get('keep_head') else 'noise only'),
        ('Realisations', number(facts.get('n_realisations'))),
        ('Random stream', f'{facts.get("seed")}, {facts.get("stream", "")}'),
    ]


def _with_error(value, error, unit=1.0):
    """Return a value with its standard deviation, both to where the latter makes sense."""
    if value is None:
        return 'n/a'
    if not error:
        return number(value, 3)
    error /= unit
    # Two digits of the standard deviation, and as many places of the value.
    places = 1 - floor(log10(abs(error)))
    shown = (f'{round(v, places):.{max(places, 0)}f}' for v in (value, abs(error)))
    return f' {PLUS_MINUS} '.join(shown).replace('-', MINUS)
