"""Tables of a report: where the targets come from, relaxation values, the simulated scanner."""

from markupsafe import Markup

from ulfprep.reports.values import DASH, at, millimetres, shown, tesla, with_error


def targets(qc):
    """Return one row a tissue: what was measured, what was aimed at, and why.

    Parameters
    ----------
    qc : dict
        QC record.

    Returns
    -------
    list of tuple
        Tissue, mean, signal to noise, target (means relative to white matter), factor,
        where the target comes from.
    """
    plan = qc.get('contrast') or {}
    tissues = plan.get('tissues') or ()
    means, wanted = plan.get('means') or (), plan.get('target_means') or ()
    if not (len(tissues) == len(means) == len(wanted) == 3):
        return []
    white = 'contrast.means.2'
    sources = plan.get('target_sources') or [''] * 3

    def pair(value, error, k, over=None):
        return with_error(qc, f'contrast.{value}.{k}', f'contrast.{error}.{k}', over=over)

    return [
        (
            tissue,
            pair('means', 'standard_errors', k, white),
            pair('snr', 'snr_standard_errors', k),
            pair('target_means', 'target_spread', k, white),
            shown(qc, f'contrast.contrast_vector.{k}', 3),
            sources[k] or DASH,
        )
        for k, tissue in enumerate(tissues)
    ]


def equations(qc):
    """Return one row an equation: name, target, achieved, residual, weight."""
    rows = (qc.get('contrast') or {}).get('equations') or ()
    columns = ('target', 'achieved', 'residual', 'weight')
    return [
        (
            str(row.get('name', '')),
            *(shown(qc, f'contrast.equations.{k}.{column}') for column in columns),
        )
        for k, row in enumerate(rows)
    ]


def relaxation(qc):
    """Return one row a field and tissue: T1, T2, proton density, and who measured them."""
    rows = []
    for side in ('source', 'target'):
        key = f'contrast.relaxation.{side}'
        for tissue, values in (at(qc, key) or {}).items():
            names = (('T1_ms', 'T1_sd_ms'), ('T2_ms', 'T2_sd_ms'), ('PD', 'PD_sd'))
            rows.append(
                (
                    Markup('{} at {}').format(tissue, tesla(qc, f'contrast.{side}_field_T')),
                    *(
                        with_error(qc, f'{key}.{tissue}.{name}', f'{key}.{tissue}.{error}')
                        for name, error in names
                    ),
                    '; '.join(values.get('sources') or ()),
                )
            )
    return rows


def simulation(qc):
    """Return ``(name, value)`` rows: how scans were simulated; none where none were."""
    facts = qc.get('simulation') or {}
    if not facts:
        return []

    def fact(name, digits=4):
        return shown(qc, f'simulation.{name}', digits)

    bias, width = facts.get('bias_strength'), facts.get('noise_fwhm_mm')
    return [
        ('Simulated voxels', millimetres(qc, 'simulation.voxel_size_mm')),
        ('Simulated point-spread function', facts.get('psf') or 'not recorded'),
        ('Simulated white-matter SNR', fact('snr', 3)),
        ('Simulated noise sigma', fact('noise_sd')),
        (
            'Simulated receive field',
            Markup('s.d. of its logarithm {}').format(fact('bias_strength')) if bias else 'none',
        ),
        (
            'Correlation of the noise',
            fact('noise_fwhm_mm') + ' mm' if width else 'none, white noise',
        ),
        ('Outside the brain', 'kept' if facts.get('keep_head') else 'noise only'),
        ('Realisations', fact('n_realisations')),
        ('Random stream', Markup('{}, {}').format(fact('seed'), facts.get('stream', ''))),
    ]
