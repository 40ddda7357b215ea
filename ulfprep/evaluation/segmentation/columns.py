"""Columns of the table of segmentations, and what they hold."""

from ulfprep.evaluation.segmentation import methods

#: Columns of the table, and what they hold.
COLUMNS = {
    'source': {
        'LongName': 'Source',
        'Description': 'Where the scan comes from',
        'Levels': {
            'simulated': 'ulfprep.evaluation.phantoms, from a high-field brain',
            'outside': 'Another simulator (--cases)',
            'high field': 'A high-field scan as it is',
        },
    },
    'brain': {'LongName': 'Brain', 'Description': 'Name of the brain'},
    'voxel': {'LongName': 'Voxel size', 'Description': 'Of the scan', 'Units': 'mm'},
    'snr': {
        'LongName': 'Signal-to-noise ratio',
        'Description': 'WM over the noise of one channel, as simulated; n/a where not known',
    },
    'seed': {
        'LongName': 'Seed',
        'Description': 'Of noise and receive field; n/a where nothing was simulated here',
    },
    'method': {
        'LongName': 'Method',
        'Description': 'How the scan was segmented',
        'Levels': methods.DESCRIPTIONS,
    },
    'status': {
        'LongName': 'Status',
        'Description': "'ok', 'not installed', or 'failed' and why; scores are n/a unless ok",
    },
    'dice_csf': {'LongName': 'Dice of CSF', 'Description': 'On the 1 mm lattice'},
    'dice_gm': {'LongName': 'Dice of GM', 'Description': 'On the 1 mm lattice'},
    'dice_wm': {'LongName': 'Dice of WM', 'Description': 'On the 1 mm lattice'},
    'csf_wm_error': {
        'LongName': 'Error of CSF/WM',
        'Description': "Signal of CSF over that of WM, less the truth's; from the method's own "
        'means, or the means of the scan under its labels where it tells none; '
        'n/a where the truth is not known',
    },
    'gm_wm_error': {
        'LongName': 'Error of GM/WM',
        'Description': 'The same of GM',
    },
    'cpu': {
        'LongName': 'Processor time',
        'Description': 'Of all threads, without bias correction, which all methods share',
        'Units': 's',
    },
    'wall': {'LongName': 'Time', 'Description': 'On the clock', 'Units': 's'},
}
SCORES = tuple(COLUMNS)[-7:]
