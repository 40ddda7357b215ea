"""Tables of the real scans and of the noise of complex images: columns, and the page of both."""

from ulfprep.evaluation.columns import column
from ulfprep.evaluation.real.inputs import Dataset

_UNDER = {
    'ulfprep': "under ulfprep's final tissues, which were fitted with the enhanced image: this "
    'flatters ulfprep',
    'mixture': 'under three Gaussians fitted to the intensities of the interpolated scan, without '
    'neighbours: their classes follow the noise of that scan, which flatters it',
}


def _under(name, long_name, description):
    return {
        f'{name}_{tissues}': column(
            f'{long_name} ({tissues} tissues)', f'{description}; {text}'
        )
        for tissues, text in _UNDER.items()
    }  # fmt: skip


#: What a row is of.
FIRST = {
    'dataset': column('Dataset', 'Folder of the dataset'),
    'scan': column('Scan', 'Name of the scan'),
    'modality': column('Modality', 'Suffix of the scan'),
    'field': column('Field strength', 'Of the scan, as its sidecar says', 'T'),
    'voxel': column('Voxel size', 'At acquisition, as the run took it', 'mm'),
    'image': column(
        'Image',
        'What is measured, at the voxel size of the enhanced image',
        levels={
            'bicubic': 'The bias-corrected scan, interpolated by cubic splines',
            'ulfprep': 'The enhanced image of ulfprep',
        },
    ),
    'status': column('Status', "'ok', or 'failed' and why; the rest is n/a unless ok"),
}
_MEANS = 'class means over points whose probability exceeds one half'
SCORES = {
    **_under('contrast_wm_gm', 'WM-GM contrast', f'2 (WM - GM) / (WM + GM), {_MEANS}'),
    **_under('contrast_gm_csf', 'GM-CSF contrast', f'2 (GM - CSF) / (GM + CSF), {_MEANS}'),
    **_under(
        'cnr_noise',
        'CNR over the noise of the scan',
        'WM less GM over WM, times the SNR of WM in the scan: the same noise for both images, so '
        'that contrast alone tells them apart',
    ),
    **_under(
        'cnr',
        'CNR over the spread',
        'WM less GM over the root mean square of their s.d. in the image: no noise model; '
        'anatomy and smoothing are in it; negative where GM is brighter',
    ),
    **_under('cjv', 'CJV', '(s.d. WM + s.d. GM) / |WM - GM|; lower is better'),
    'efc': column('EFC', 'Entropy focus criterion of the brain; lower is sharper'),
    'mlc': column('MLC', 'Mean correlation of neighbouring lines of axial slices'),
    'mslc': column(
        'MSLC', 'The same of lines half the brain apart; rises where noise is removed'
    ),
    **{
        f'volume_{tissue.lower()}': column(
            f'Volume of {tissue}',
            'Sum of shares: of the final tissues for ulfprep, of the mixture for bicubic',
            'ml',
        )
        for tissue in ('CSF', 'GM', 'WM')
    },
    'residual_rms': column(
        'Residual',
        'Root mean square of the scan less what the image predicts for it through the forward '
        'model, inside the brain; bicubic is taken for what the scanner saw',
        'sigma',
    ),
    'claim_mean': column(
        'Claim', 'Mean share of the local detail that the scan shows, not the prior; ulfprep alone'
    ),
    'uncertainty_mean': column(
        'Uncertainty', 'Mean stated s.d. over the mean of WM; ulfprep alone'
    ),
}  # fmt: skip
#: Columns of ``real.tsv``.
COLUMNS = FIRST | SCORES
#: What a row of the table of noise is of.
NOISE_FIRST = {
    'sequence': column('Sequence', 'As the files name it'),
    'modality': column('Modality', 'What it weights'),
    'reconstruction': column(
        'Reconstruction',
        'Which image',
        levels={
            'native': 'Fourier transform of k-space as large as it is',
            'zero-filled': 'The larger image of the makers, from the same k-space',
        },
    ),
    'status': column('Status', "'ok', or 'failed' and why; the rest is n/a unless ok"),
}
_SIGNAL = 'over the mean magnitude inside the head'
NOISE_SCORES = {
    'air': column('Voxels of air', 'In a frame around the head, a twelfth of the plane wide'),
    'snr': column('SNR', 'Mean magnitude inside the head over the s.d. of the noise'),
    'sd_real': column('S.d., real', f'Of the real part in the air, {_SIGNAL}'),
    'sd_imaginary': column('S.d., imaginary', 'The same of the imaginary part'),
    'sd': column('S.d. of the noise', f'Root mean square of the two, {_SIGNAL}: the truth'),
    'ratio_rayleigh': column(
        'Rayleigh over truth', 'S.d. by the mean magnitude of the same air; n/a where no Rayleigh'
    ),
    'ratio_estimate': column(
        'Estimate over truth', 'S.d. by ulfprep.physics.noise from the magnitude image alone'
    ),
    'method': column('Method', 'How that was found'),
    'ratio_brain': column(
        'Inside over truth',
        'The same with the air zeroed, as scanners do: read off fine detail inside the head',
    ),
    'ks_rayleigh': column(
        'KS, Rayleigh',
        'Largest difference between the distribution of the magnitude in the air and that of '
        'Rayleigh with the true s.d. (Kolmogorov-Smirnov)',
    ),
    'ks_real': column(
        'KS, real', 'The same of the real part, and of a Gaussian of its mean and s.d.'
    ),
    'ks_imaginary': column('KS, imaginary', 'The same of the imaginary part'),
    'kurtosis_real': column(
        'Excess kurtosis', 'Of the real part in the air; 0 of one Gaussian, more of several widths'
    ),
    'correlation': column('Correlation', 'Of real and imaginary part in the air'),
    'uneven': column(
        'Unevenness', 'Largest over smallest s.d. in the four sides of the frame; 1 if stationary'
    ),
    'detail': column(
        'Share of fine detail',
        'S.d. of second differences of the noise over its own; 1 if white; n/a where interpolated',
    ),
}  # fmt: skip
#: Columns of ``noise.tsv``.
NOISE_COLUMNS = NOISE_FIRST | NOISE_SCORES
REAL_HEAD = (
    'Enhanced scans and their interpolation. No truth is known of them: the numbers tell how the '
    'images differ, not which is right.'
)
NOISE_HEAD = (
    'Noise of complex images at 55 mT (bispmri/Ultra-low-field-MRI-Scanner, CC0): air around the '
    'head, s.d. over the mean magnitude inside it.'
)
#: Head, column and format of what the page shows.
SHOWN = (
    ('WM-GM, ulfprep tissues', 'contrast_wm_gm_ulfprep', '.3f'),
    ('mixture', 'contrast_wm_gm_mixture', '.3f'),
    ('GM-CSF, ulfprep', 'contrast_gm_csf_ulfprep', '.3f'),
    ('mixture', 'contrast_gm_csf_mixture', '.3f'),
    ('CNR/noise, ulfprep', 'cnr_noise_ulfprep', '.2f'),
    ('mixture', 'cnr_noise_mixture', '.2f'),
    ('CNR/spread, ulfprep', 'cnr_ulfprep', '.2f'),
    ('mixture', 'cnr_mixture', '.2f'),
    ('CJV, ulfprep', 'cjv_ulfprep', '.3f'),
    ('mixture', 'cjv_mixture', '.3f'),
    ('EFC', 'efc', '.3f'),
    ('MLC', 'mlc', '.3f'),
    ('MSLC', 'mslc', '.3f'),
    ('CSF ml', 'volume_csf', '.0f'),
    ('GM ml', 'volume_gm', '.0f'),
    ('WM ml', 'volume_wm', '.0f'),
    ('residual', 'residual_rms', '.2f'),
    ('claim', 'claim_mean', '.2f'),
    ('uncertainty', 'uncertainty_mean', '.3f'),
)
NOISE_SHOWN = (
    ('SNR', 'snr', '.1f'),
    ('real', 'sd_real', '.4f'),
    ('imaginary', 'sd_imaginary', '.4f'),
    ('Rayleigh / truth', 'ratio_rayleigh', '.3f'),
    ('estimate / truth', 'ratio_estimate', '.3f'),
    ('inside / truth', 'ratio_brain', '.3f'),
    ('KS Rayleigh', 'ks_rayleigh', '.3f'),
    ('KS real', 'ks_real', '.3f'),
    ('kurtosis', 'kurtosis_real', '.2f'),
    ('correlation', 'correlation', '.3f'),
    ('unevenness', 'uneven', '.2f'),
    ('fine detail', 'detail', '.2f'),
)


def document(
    rows: list[dict], noise: list[dict], about: list[str], datasets: list[Dataset]
) -> list[str]:
    """Return both tables as lines of Markdown.

    Parameters
    ----------
    rows, noise : list of dict
        Keys of :data:`COLUMNS` and of :data:`NOISE_COLUMNS`.
    about : list of str
        How they were made, a line each.
    datasets : list of Dataset
    """
    out = [f'- {line}' for line in about]
    out += [f'- `{one.name}`: {one.source}' for one in datasets]
    if rows:
        out += [
            '',
            REAL_HEAD,
            '',
            *(f'- {name} tissues: {text}.' for name, text in _UNDER.items()),
        ]
        out += ['', *table(rows, ('scan', 'image'), SHOWN)]
    if noise:
        out += ['', NOISE_HEAD, '', *table(noise, ('sequence', 'reconstruction'), NOISE_SHOWN)]
    return out


def table(rows: list[dict], names, shown) -> list[str]:
    """Return rows as lines of a Markdown table; what failed says why.

    Parameters
    ----------
    rows : list of dict
    names : sequence of str
        Columns that name a row.
    shown : sequence of (str, str, str)
        Head, column and format.
    """
    heads = [*names, *(head for head, _, _ in shown)]
    out = [f'| {" | ".join(heads)} |', '|' + '---|' * len(heads)]
    for row in rows:
        cells = [format(row[key], form) if key in row else '' for _, key, form in shown]
        if row['status'] != 'ok':
            cells[0] = row['status'].replace('|', '/')
        out.append(f'| {" | ".join([*(str(row[name]) for name in names), *cells])} |')
    return out
