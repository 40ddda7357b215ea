"""Plain sentences and table rows from a scan's QC record."""

from collections.abc import Mapping, Sequence

from ulfprep.settings import WEIGHTINGS

#: Used where the QC record has no methods text.
METHODS = """\
The scan was corrected for its bias field with N4 [@n4], its brain was extracted
[@deepbet] and its tissues were segmented with a hidden Markov random field [@fast]. Tissue
contrasts expected at the target field strength follow from the field dependence of
relaxation times [@bottomley; @rooney; @marques]. Synthesis between field strengths goes
through one forward model of contrast, point-spread function and noise [@hulfsynth], inverted
with an implicit neural representation of Gabor wavelets [@wire]."""
#: Closes every methods text.
FRAMEWORK = """\
The workflow is a BIDS App [@bidsapps] for data in the Brain Imaging Data Structure [@bids],
runs on Nipype [@nipype], and this report follows the example of fMRIPrep [@fmriprep]."""
#: What other software may have made of a scan, in words.
GIVEN = {'mask': 'brain mask', 'tissues': 'tissues', 'corrected': 'bias field'}
MINUS, TIMES, DASH = '\u2212', '\u00d7', '\u2013'


def number(value, digits=4):
    """Return a number as a reader writes it; ``n/a`` for ``None``; text unchanged."""
    if value is None:
        return 'n/a'
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    if isinstance(value, int | float):
        if abs(value) < 1e-9:  # what rounding leaves of a zero
            return '0'
        if float(value).is_integer() and abs(value) < 1e6:
            text = str(int(value))
        elif 10**digits <= abs(value) < 1e6:
            text = f'{value:.0f}'
        else:
            text = f'{value:.{digits}g}'
        return text.replace('-', MINUS, 1) if text.startswith('-') else text
    if isinstance(value, Mapping):
        return ', '.join(f'{k} {number(v)}' for k, v in value.items()) or DASH
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ', '.join(number(v) for v in value) or DASH
    return str(value)


def millimetres(lengths):
    """Return ``1.6 x 1.6 x 5 mm`` with proper signs."""
    if not lengths:
        return 'not recorded'
    return f' {TIMES} '.join(number(round(v, 2)) for v in lengths) + ' mm'


def sequence(parameters):
    """Return ``IR-FSE: repetition time 1500 ms, ...`` for the parameters of a sequence."""
    if not parameters:
        return None
    words = []
    for name, value in parameters.items():
        if name == 'kind' or value is None:
            continue
        unit = '\u00b0' if 'angle' in name else ''
        if name.endswith(('_time', '_duration', '_spacing')) and isinstance(value, int | float):
            value, unit = round(1000 * value, 3), ' ms'
        words.append(f'{name.replace("_", " ")} {number(value)}{unit}')
    return ': '.join(filter(None, [parameters.get('kind'), ', '.join(words)]))


def _by_tissue(plan, values, digits=3):
    tissues = plan.get('tissues') or ('CSF', 'GM', 'WM')
    pairs = zip(tissues, values or (), strict=False)
    return ', '.join(f'{t} {number(v, digits)}' for t, v in pairs) or 'not recorded'


def _tesla(value):
    return 'unknown field' if value is None else f'{number(value)} T'


def summary(qc):
    """Return what came in and what was decided, one sentence an item."""
    plan = qc.get('contrast') or {}
    voxels = millimetres(plan.get('voxel_size_mm'))
    source, target = _tesla(plan.get('source_field_T')), _tesla(plan.get('target_field_T'))
    kind = WEIGHTINGS.get(qc.get('modality'), WEIGHTINGS['T1w'])
    first = f'A {kind} scan at {source} with voxels of {voxels} came in. '
    if qc.get('direction') == 'simulate':
        first += f'It was taken down to what a scanner of {target} would have measured.'
    else:
        size = (qc.get('settings') or {}).get('output_resolution', 1.0)
        first += (
            f'Estimated was how the same brain would look at {target} with voxels of '
            f'{number(size)} mm.'
        )
    lines = [first]
    if plan.get('noise_sigma') is not None:
        lines.append(
            f'The noise has a standard deviation of {number(plan["noise_sigma"], 3)} in the '
            f'scan\u2019s units ({plan.get("noise_method", "method not recorded")}); signal to '
            f'noise is {_by_tissue(plan, plan.get("snr"))}.'
        )
    if plan.get('psf_fwhm_mm'):
        acquired = (
            f'It was acquired with {millimetres(plan["psf_fwhm_mm"])} '
            f'({plan.get("psf_source", "source not recorded")})'
        )
        if qc.get('direction') != 'simulate':
            acquired += (
                '; the scanner is taken to blur over as much, as a point-spread function of the '
                f'kind {plan.get("psf", "gaussian")}'
            )
        lines.append(f'{acquired}.')
    lines += _simulation_sentence(qc.get('simulation'))
    lines += _contrast_sentences(plan)
    method = (qc.get('segmentation') or {}).get('method')
    if method:
        lines.append(f'Tissues were segmented with {method}.')
    if given := qc.get('precomputed'):
        pieces = ', '.join(GIVEN.get(what, what) for what in given)
        lines.append(f'Taken of other software instead of computed: {pieces}.')
    assumed = plan.get('defaults_used')
    if assumed:
        lines.append(
            f'Not everything about the sequence was stated: {"; ".join(map(str, assumed))}.'
        )
    elif assumed is not None:
        lines.append('Nothing had to be assumed: the sidecar states the whole sequence.')
    return lines


def _simulation_sentence(facts):
    if not facts:
        return []
    count = facts.get('n_realisations') or 1
    made = 'One scan was' if count == 1 else f'{count} scans that differ in their noise were'
    voxels, snr = millimetres(facts.get('voxel_size_mm')), number(facts.get('snr'), 3)
    sentence = (
        f'{made} simulated with voxels of {voxels}, blurred over as much (point-spread function '
        f'of the kind {facts.get("psf")}), with a white-matter signal to noise of {snr}.'
    )
    return [sentence]


def _contrast_sentences(plan):
    have = (plan.get('source_contrast') or {}).get('WM-GM')
    want = (plan.get('target_contrast') or {}).get('WM-GM')
    lines = []
    if have is not None and want is not None:
        lines.append(
            f'White and grey matter differ by {number(100 * have, 3)} % of their mean in the '
            f'scan; the target is {number(100 * want, 3)} % '
            f'({_joined(plan.get("target_sources"))}).'
        )
    if plan.get('contrast_vector'):
        lines.append(
            'The contrast vector, one factor a tissue from the higher field to the lower, is '
            f'{_by_tissue(plan, plan["contrast_vector"])}.'
        )
    return lines


def _joined(sources):
    """Return different texts once each."""
    return '; '.join(dict.fromkeys(sources or ())) or 'source not recorded'


def overview(qc):
    """Return ``(name, value)`` rows of the compact table."""
    plan = qc.get('contrast') or {}
    rows = [
        ('Input', qc.get('source')),
        ('Direction', qc.get('direction')),
        ('Field strength', _tesla(plan.get('source_field_T'))),
        ('Target field strength', _tesla(plan.get('target_field_T'))),
        ('Voxel size', millimetres(plan.get('voxel_size_mm'))),
        ('Acquired resolution', millimetres(plan.get('psf_fwhm_mm'))),
        ('Known from', plan.get('psf_source')),
        ('Point-spread function', plan.get('psf')),
        ('Noise sigma', number(plan.get('noise_sigma'))),
        ('Tissue means', _by_tissue(plan, plan.get('means'), 4)),
        ('Tissue SNR', _by_tissue(plan, plan.get('snr'))),
        ('Contrast vector', _by_tissue(plan, plan.get('contrast_vector'))),
        ('Sequence of the scan', sequence(plan.get('source_sequence'))),
        ('Sequence at the target', sequence(plan.get('target_sequence'))),
        ('Target from', _joined(plan.get('target_sources'))),
        ('Segmentation', (qc.get('segmentation') or {}).get('method')),
    ]
    for what, sources in (qc.get('precomputed') or {}).items():
        rows.append((f'{GIVEN.get(what, what).capitalize()} from', ', '.join(sources)))
    if qc.get('direction') == 'simulate':
        # It blurs what is simulated, and stands there.
        rows = [row for row in rows if row[0] != 'Point-spread function']
    if qc.get('fit'):
        rows.append(('Device', qc['fit'].get('device')))
    return [(name, 'not recorded' if value in (None, 'n/a') else value) for name, value in rows]


def tiles(qc):
    """Return ``(value, label)`` of the few numbers to see first."""
    plan = qc.get('contrast') or {}
    metrics = qc.get('metrics') or {}
    contrast = [(plan.get(f'{side}_contrast') or {}).get('WM-GM') for side in ('source', 'target')]
    snr = plan.get('snr') or [None]
    found = [
        (
            f'{number(plan.get("source_field_T"))} \u2192 {number(plan.get("target_field_T"))} T',
            'field strength, scan \u2192 target',
        ),
        (
            ' \u2192 '.join(number(c, 2) for c in contrast),
            'WM\u2013GM contrast, scan \u2192 target',
        ),
        (number(snr[-1], 3), 'white-matter signal to noise'),
    ]
    if metrics.get('residual_rms') is not None:
        found.append((number(metrics['residual_rms'], 3), 'r.m.s. residual / noise (ideal 1)'))
    return found


def metric_rows(qc, dictionary):
    """Return the rows of the metrics table.

    Parameters
    ----------
    qc : dict
    dictionary : dict
        Name -> ``LongName``, ``Description``, ``Units``.

    Returns
    -------
    list of dict
        ``name``, ``long_name``, ``value``, ``unit``, ``meaning``, ``reason`` (of a null).
    """
    reasons = qc.get('null_reasons') or {}
    rows = []
    for name, value in (qc.get('metrics') or {}).items():
        entry = dictionary.get(name) or {}
        rows.append(
            {
                'name': name,
                'long_name': entry.get('LongName') or name.replace('_', ' '),
                'value': number(value),
                'unit': entry.get('Units') or '',
                'meaning': entry.get('Description') or '',
                'reason': '' if value is not None else reasons.get(name, 'no reason was recorded'),
            }
        )
    return rows
