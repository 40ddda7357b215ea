"""Columns of the table of methods, and what they hold: its data dictionary."""


def column(long_name: str, description: str, units: str | None = None, levels=None) -> dict:
    """Return an entry of a data dictionary as BIDS writes them."""
    out = {'LongName': long_name, 'Description': description}
    out |= {'Units': units} if units else {}
    return out | ({'Levels': levels} if levels else {})


#: What a row is of.
FIRST = {
    'regime': column(
        'Regime',
        'How the scan was made',
        levels={
            'reference': 'ulfprep.evaluation.phantoms: 2 x 2 x 1 mm, SNR 20, no receive field',
            'real': 'The same: 1.6 x 1.6 x 5 mm, SNR 14, a mild receive field',
            'outside': 'Another simulator (--cases)',
            'paired': 'A real low-field scan of a person scanned at high field too (--pairs)',
        },
    ),
    'brain': column('Brain', 'Name of the brain; rows of one brain are not independent'),
    'labels_by': column(
        'Labels',
        'Where the true tissues come from',
        levels={
            'given': 'Another tool, or the dataset',
            'own': 'Segmentation of the high-field image by ulfprep: no independent truth',
        },
    ),
    'seed': column('Seed', 'Of noise and receive field; n/a for scans that were not made here'),
    'method': column('Method', 'How the scan was enhanced'),
    'status': column(
        'Status', "'ok', 'not installed', or 'failed', and why; the rest is n/a unless ok"
    ),
}
_LABELLED = 'class means under the true tissues, as the image is'
_SEEN = 'Tissues that one classifier, the same for all methods, sees in the image'
_OWN = 'Tissues that the method gives with its image; n/a where it gives none'


def _each(name, long_name, description, units=None):
    tissues = ('csf', 'gm', 'wm')
    return {
        f'{name}_{t}': column(f'{long_name} of {t.upper()}', description, units) for t in tissues
    }


SCORES = {
    'contrast': column('WM-GM contrast', f'2 (WM - GM) / (WM + GM), {_LABELLED}'),
    'contrast_truth': column('WM-GM contrast of the truth', 'The same of the high-field image'),
    'contrast_error': column('Contrast error', 'Size of contrast less that of the truth'),
    'contrast_of_truth': column('Contrast over truth', "WM-GM contrast over the truth's"),
    'contrast_of_bicubic': column('Contrast over bicubic', "WM-GM contrast over bicubic's"),
    'cnr': column(
        'CNR', 'WM less GM over the pooled s.d. of both in the image, under the true tissues'
    ),
    'edge_f1': column(
        'Edge F1', 'Canny edges of axial slices against those of the truth, after a linear fit'
    ),
    'edge_f1_1voxel': column('Edge F1, tolerant', 'The same, edges may be one voxel off'),
    'edge_f1_of_bicubic': column('Edge F1 over bicubic', "Edge F1 over bicubic's"),
    'edge_f1_unfitted': column(
        'Edge F1, as it is', 'Of the image divided by its own white matter alone, without a fit'
    ),
    'edge_f1_unfitted_of_bicubic': column(
        'Edge F1 as it is over bicubic', "The same over bicubic's"
    ),
    'psnr': column('PSNR', 'After one linear fit of intensities; range 1.2 of WM', 'dB'),
    'ssim': column('SSIM', 'Three-dimensional, after the same fit'),
    'lpips': column(
        'LPIPS', 'AlexNet, mean over axial slices, after the same fit; less is better'
    ),
    'mlc': column('MLC', 'Mean correlation of neighbouring lines of axial slices'),
    'mslc': column('MSLC', 'The same of lines half the brain apart; rises where noise is removed'),
    'mlc_truth': column('MLC of the truth', 'The same of the high-field image'),
    'mslc_truth': column('MSLC of the truth', 'The same of the high-field image'),
    **_each('dice', 'Dice', _SEEN + ', against the true labels'),
    **_each(
        'own_dice',
        'Own Dice',
        _OWN + ', against the true labels; where they end before the brain does, they miss it',
    ),
    **_each('volume', 'Volume', _SEEN + ': the sum of shares', 'ml'),
    **_each('own_volume', 'Own volume', _OWN + ': the sum of shares', 'ml'),
    **_each('volume_error', 'Volume error', 'Volume over that of the true labels, less one', '%'),
    'residual_rms': column(
        'Residual', 'Root mean square of scan minus prediction, inside the brain', 'sigma'
    ),
    'within_1_sd': column(
        'Within one s.d.',
        'Share of the brain whose error is within one stated s.d.; the truth at the contrast that '
        'was asked for; 0.68 of Gaussian errors',
    ),
    'within_1.96_sd': column('Within 1.96 s.d.', 'The same; 0.95 of Gaussian errors'),
    'rank_correlation': column(
        'Rank correlation', "Spearman's, of the stated s.d. and the size of the error"
    ),
    'realised_csf': column(
        'CSF, realised',
        "Mean where the method's own tissues are CSF by over .9, over what was asked for",
        '%',
    ),
    'realised_gm': column('GM, realised', 'The same of GM', '%'),
    'realised_wm': column('WM, realised', 'The same of WM', '%'),
    'realised_contrast': column(
        'Contrast, realised', 'WM-GM contrast of these means over what was asked for', '%'
    ),
    'epochs': column(
        'Passes', 'Passes over the brain that a fit made; steps, of the reference set-up'
    ),
    'cpu': column('Processor time', 'Of all threads, preparation apart', 's'),
    'wall': column('Time', 'On the clock', 's'),
    'memory': column('Peak memory', 'Of a process that ran this method only', 'GB'),
    'preparation': column(
        'Preparation', 'Processor time of bias field, tissues and plan, which all share', 's'
    ),
}
#: Columns of the table of methods.
COLUMNS = FIRST | SCORES
#: Columns of the table of volumes.
VOLUMES = {name: FIRST[name] for name in ('regime', 'brain', 'labels_by', 'seed')} | {
    'source': column(
        'Source',
        'What was segmented; the name of a method is its enhanced image, with " (own)" after it '
        "the method's own tissues",
        levels={
            'labels': 'True labels',
            'high field': 'The high-field image, by the classifier of 1 mm scans',
            'scan': 'The low-field scan as it is, by the same classifier',
        },
    ),
    'csf': column('CSF', 'Sum of shares', 'ml'),
    'gm': column('GM', 'Sum of shares', 'ml'),
    'wm': column('WM', 'Sum of shares', 'ml'),
}
