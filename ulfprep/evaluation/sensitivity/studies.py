"""What is changed in each study, one thing at a time, and the scans that this takes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ulfprep.evaluation.segmentation.methods import COARSE
from ulfprep.evaluation.trials import REGIMES, Regime, Trial, simulated_trial


@dataclass(frozen=True)
class Setting:
    """One fit of a study.

    Attributes
    ----------
    study : str
        Of :data:`STUDIES`.
    level : str
        What the changed thing was set to.
    regime : Regime
        How the brain is scanned.
    scan_seed, fit_seed : int
        Of noise and receive field, and of the fit.
    contrast : float
        WM-GM contrast that is asked for, over the usual one.
    psf : float
        Width of the PSF that is believed, over the true one.
    tissues : str
        Where the tissues come from, of :data:`TISSUES`.
    """

    study: str
    level: str
    regime: Regime
    scan_seed: int = 1
    fit_seed: int = 0
    contrast: float = 1.0
    psf: float = 1.0
    tissues: str = 'embedded'

    @property
    def scan(self) -> tuple:
        """What settings share that look at one scan."""
        return self.regime, self.scan_seed

    @property
    def fit(self) -> tuple:
        """What settings share that ask for one and the same fit, whatever their study."""
        return (*self.scan, self.fit_seed, self.contrast, self.psf, self.tissues)

    @property
    def usual(self) -> bool:
        """Whether nothing but the study's name tells it from an ordinary fit."""
        return replace(self, study='', level='') == Setting('', '', REGIMES['real'])


#: Sources of tissues: ulfprep's own, another segmentation of the scan, or the truth.
TISSUES = ('embedded', 'mixture', 'hmrf-0.9', 'fast', 'true')
#: Study -> what it changes, and its levels; those of a quick run.
STUDIES = {
    'target': ('WM-GM contrast that is asked for, over the usual one',
               (0.8, 0.9, 1.0, 1.1, 1.2), (0.9, 1.0, 1.1)),
    'noise': ('SNR of white matter', (8.0, 11.0, 14.0, 20.0, 28.0), (8.0, 14.0, 20.0)),
    'psf': ('Width of the PSF that is believed, over the true one',
            (0.7, 0.85, 1.0, 1.15, 1.3), (0.8, 1.0, 1.2)),
    'resolution': ('Voxel size, mm',
                   ((1.6, 1.6, 2.5), (2.0, 2.0, 2.0), (1.6, 1.6, 5.0), (2.0, 2.0, 5.0),
                    (1.6, 1.6, 10.0)),
                   ((2.0, 2.0, 2.0), (1.6, 1.6, 5.0), (1.6, 1.6, 10.0))),
    'segmentation': ('Where the tissues come from', TISSUES, ('embedded', 'mixture', 'true')),
    'seed': ('Seed of the fit', (0, 1, 2, 3, 4), (0, 1, 2)),
    'scan': ('Seed of the noise and the receive field of the scan', (1, 2, 3, 4, 5), (1, 2, 3)),
}  # fmt: skip
#: Studies whose images show one scan, or one brain in other noise: their spread is a result.
SPREAD = ('target', 'psf', 'segmentation', 'seed', 'scan')


def settings(names, *, quick: bool, regime: Regime = REGIMES['real']) -> Iterator[Setting]:
    """Yield the fits of studies.

    Parameters
    ----------
    names : sequence of str
        Of :data:`STUDIES`.
    quick : bool
        Fewer levels.
    regime : Regime
        What is not changed.
    """
    for study in names:
        for level in STUDIES[study][2 if quick else 1]:
            plain = Setting(study, _text(level), regime)
            yield {
                'target': lambda s, x: replace(s, contrast=x),
                'noise': lambda s, x: replace(s, regime=replace(regime, snr=x)),
                'psf': lambda s, x: replace(s, psf=x),
                'resolution': lambda s, x: replace(s, regime=replace(regime, voxel=x)),
                'segmentation': lambda s, x: replace(s, tissues=x),
                'seed': lambda s, x: replace(s, fit_seed=x),
                'scan': lambda s, x: replace(s, scan_seed=x),
            }[study](plain, level)


def make_trial(brain, setting: Setting) -> Trial:
    """Scan a brain as a setting says."""
    return simulated_trial(brain, setting.regime, setting.scan_seed, 'real')


def tissue_source(name: str) -> dict:
    """Return what :func:`ulfprep.evaluation.prepare.measure` has to be told of the tissues.

    Raises
    ------
    ulfprep.evaluation.segmentation.methods.NotInstalled
        When it is called, not here: FSL may be missing.
    """
    if name == 'true':
        return {'oracle': True}
    return {} if name == 'embedded' else {'segmentation': COARSE[name]}


def _text(level) -> str:
    return 'x'.join(f'{v:g}' for v in level) if isinstance(level, tuple) else f'{level}'
