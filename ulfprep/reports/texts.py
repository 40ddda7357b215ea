"""Plain sentences and facts from a scan's QC record, ready to print."""

from markupsafe import Markup

from ulfprep.reports.values import at, by_tissue, listed, millimetres, shown, tesla
from ulfprep.settings import WEIGHTINGS

#: What other software may have made of a scan, in words.
GIVEN = {'mask': 'brain mask', 'tissues': 'tissues', 'corrected': 'bias field'}
#: What a section is for, under its title.
LEADS = {
    'Enhanced against the scan': 'Above, what the scan shows by itself; below, the enhanced '
    'image. Nothing but interpolation was done to the upper picture, and one grey window serves '
    'both.',
    'Where not to believe it': 'The enhanced image is an estimate. The residual says where it '
    'contradicts the scan, the uncertainty how large its errors are about here, the claim map '
    'which detail was measured rather than supplied by the model, the entropy where the tissue '
    'itself is in doubt. Look here before you rely on a detail.',
    'Intensities': 'Whether the tissues came to lie where physics puts them at the target field.',
    'Fit': 'Whether the enhanced image gives the scan back, and where the fit stopped.',
    'Tissues': 'Bias field, brain mask and tissues of the scan, on which the result rests.',
    'Simulation': 'The scan as measured against the one made of it, and whether the noise and '
    'the blur that were asked for are in it.',
}


def sequence(record, key):
    """Return ``IR-FSE: repetition time 1500 ms, ...`` for the sequence at a key of a record."""
    parameters = at(record, key)
    if not parameters:
        return None
    words = []
    for name, value in parameters.items():
        if name == 'kind' or value is None:
            continue
        unit, scale = ('\u00b0' if 'angle' in name else ''), None
        if name.endswith(('_time', '_duration', '_spacing')) and isinstance(value, int | float):
            unit, scale = ' ms', 1000
        what = shown(record, f'{key}.{name}', scale=scale)
        words.append(Markup('{} {}{}').format(name.replace('_', ' '), what, unit))
    parts = [parameters.get('kind'), listed(words, '')]
    return Markup(': ').join(part for part in parts if part)


def summary(qc):
    """Return what came in and what was decided, one sentence an item.

    Parameters
    ----------
    qc : dict
        QC record.

    Returns
    -------
    list of markupsafe.Markup
    """
    plan = qc.get('contrast') or {}
    simulate = qc.get('direction') == 'simulate'
    kind = WEIGHTINGS.get(qc.get('modality'), WEIGHTINGS['T1w'])
    first = Markup('A {} scan at {} with voxels of {} came in. ').format(
        kind, tesla(qc, 'contrast.source_field_T'), millimetres(qc, 'contrast.voxel_size_mm')
    )
    target = tesla(qc, 'contrast.target_field_T')
    if simulate:
        made = Markup('It was taken down to what a scanner of {} would have measured.')
        first += made.format(target)
    else:
        stated = 'output_resolution' in (qc.get('settings') or {})
        size = shown(qc, 'settings.output_resolution') if stated else '1'
        made = 'Estimated was how the same brain would look at {} with voxels of {} mm.'
        first += Markup(made).format(target, size)
    lines = [first]
    if plan.get('noise_sigma') is not None:
        lines.append(
            Markup(
                'The noise has a standard deviation of {} in the scan\u2019s units ({}); signal '
                'to noise is {}.'
            ).format(
                shown(qc, 'contrast.noise_sigma', 3),
                plan.get('noise_method', 'method not recorded'),
                by_tissue(qc, 'contrast.snr'),
            )
        )
    if plan.get('psf_fwhm_mm'):
        lines.append(_acquired(qc, plan, simulate))
    lines += _simulation_sentence(qc)
    lines += _contrast_sentences(qc)
    return [*lines, *_assumptions(qc, plan)]


def _acquired(qc, plan, simulate):
    acquired = Markup('It was acquired with {} ({})').format(
        millimetres(qc, 'contrast.psf_fwhm_mm'), plan.get('psf_source', 'source not recorded')
    )
    if not simulate:
        acquired += Markup(
            '; the scanner is taken to blur over as much, as a point-spread function of the '
            'kind {}'
        ).format(plan.get('psf', 'gaussian'))
    return acquired + '.'


def _assumptions(qc, plan):
    """Return sentences of what was computed elsewhere, and of what nobody stated."""
    lines = []
    method = (qc.get('segmentation') or {}).get('method')
    if method:
        lines.append(Markup('Tissues were segmented with {}.').format(method))
    if given := qc.get('precomputed'):
        pieces = ', '.join(GIVEN.get(what, what) for what in given)
        lines.append(Markup('Taken of other software instead of computed: {}.').format(pieces))
    assumed = plan.get('defaults_used')
    if assumed:
        lines.append(
            Markup('Not everything about the sequence was stated: {}.').format(
                '; '.join(map(str, assumed))
            )
        )
    elif assumed is not None:
        lines.append(Markup('Nothing had to be assumed: the sidecar states the whole sequence.'))
    return lines


def _simulation_sentence(qc):
    facts = qc.get('simulation')
    if not facts:
        return []
    count = facts.get('n_realisations') or 1
    made = Markup('One scan was')
    if count != 1:
        made = shown(qc, 'simulation.n_realisations') + ' scans that differ in their noise were'
    return [
        Markup(
            '{} simulated with voxels of {}, blurred over as much (point-spread function of the '
            'kind {}), with a white-matter signal to noise of {}.'
        ).format(
            made,
            millimetres(qc, 'simulation.voxel_size_mm'),
            facts.get('psf'),
            shown(qc, 'simulation.snr', 3),
        )
    ]


def _contrast_sentences(qc):
    plan = qc.get('contrast') or {}
    keys = [f'contrast.{side}_contrast.WM-GM' for side in ('source', 'target')]
    lines = []
    if None not in [at(qc, key) for key in keys]:
        lines.append(
            Markup(
                'White and grey matter differ by {} % of their mean in the scan; the target is '
                '{} % ({}).'
            ).format(
                *(shown(qc, key, 3, scale=100) for key in keys),
                sources(plan.get('target_sources')),
            )
        )
    if plan.get('contrast_vector'):
        lines.append(
            Markup(
                'The contrast vector, one factor a tissue from the higher field to the lower, '
                'is {}.'
            ).format(by_tissue(qc, 'contrast.contrast_vector'))
        )
    return lines


def sources(texts):
    """Return different texts once each."""
    return '; '.join(dict.fromkeys(texts or ())) or 'source not recorded'


def overview(qc):
    """Return ``(name, value)`` rows of the compact table.

    Parameters
    ----------
    qc : dict
        QC record.

    Returns
    -------
    list of tuple
        The values are text, or markup where numbers are in them.
    """
    plan = qc.get('contrast') or {}
    rows = [
        ('Input', qc.get('source')),
        ('Direction', qc.get('direction')),
        ('Field strength', tesla(qc, 'contrast.source_field_T')),
        ('Target field strength', tesla(qc, 'contrast.target_field_T')),
        ('Voxel size', millimetres(qc, 'contrast.voxel_size_mm')),
        ('Acquired resolution', millimetres(qc, 'contrast.psf_fwhm_mm')),
        ('Known from', plan.get('psf_source')),
        ('Point-spread function', plan.get('psf')),
        ('Noise sigma', shown(qc, 'contrast.noise_sigma')),
        ('Noise measured by', plan.get('noise_method')),
        ('Tissue means', by_tissue(qc, 'contrast.means', 4)),
        ('Tissue SNR', by_tissue(qc, 'contrast.snr')),
        ('Contrast vector', by_tissue(qc, 'contrast.contrast_vector')),
        ('Sequence of the scan', sequence(qc, 'contrast.source_sequence')),
        ('Sequence at the target', sequence(qc, 'contrast.target_sequence')),
        ('Target from', sources(plan.get('target_sources'))),
        ('Segmentation', (qc.get('segmentation') or {}).get('method')),
    ]
    for what, given in (qc.get('precomputed') or {}).items():
        rows.append((f'{GIVEN.get(what, what).capitalize()} from', ', '.join(given)))
    if qc.get('direction') == 'simulate':
        # It blurs what is simulated, and stands there.
        rows = [row for row in rows if row[0] != 'Point-spread function']
    if qc.get('fit'):
        rows.append(('Device', qc['fit'].get('device')))
    if versions := qc.get('versions'):
        main = [f'{name} {versions[name]}' for name in ('ulfprep', 'torch') if name in versions]
        rows.append(('Versions', ', '.join([*main, 'all under About'])))
    return [(name, 'not recorded' if value in (None, 'n/a') else value) for name, value in rows]


def tiles(qc):
    """Return ``(value, label)`` of the few numbers to see first."""

    def both(first, second, digits=4, unit=''):
        pair = shown(qc, first, digits), shown(qc, second, digits)
        return Markup(' \u2192 ').join(pair) + unit

    contrast = [f'contrast.{side}_contrast.WM-GM' for side in ('source', 'target')]
    found = [
        (
            both('contrast.source_field_T', 'contrast.target_field_T', unit=' T'),
            'field strength, scan \u2192 target',
        ),
        (both(*contrast, 2), 'WM\u2013GM contrast, scan \u2192 target'),
        (shown(qc, 'contrast.snr.2', 3), 'white-matter signal to noise'),
    ]
    for name, label in (
        ('residual_rms', 'r.m.s. residual / noise (ideal 1)'),
        ('claim_mean', 'share of the detail that the scan supports'),
        ('noise_ratio_simulated', 'noise found / noise put in (ideal 1)'),
        ('psf_ratio_simulated', 'blur found / blur put in (ideal 1)'),
    ):
        if at(qc, f'metrics.{name}') is not None:
            found.append((shown(qc, f'metrics.{name}', 3), label))
    return found
