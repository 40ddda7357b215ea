"""T1, T2 and proton density of brain tissues at any field strength.

Measured values are interpolated in the logarithm of the field. They come first because
the dispersion law alone, extrapolated to 64 mT, overstates T1 contrast about twofold;
it serves outside the measured range only, scaled to meet the nearest measurement.
"""

import csv
from importlib import resources

import numpy as np

#: T1 = a (gamma B0)^b, seconds and hertz (Rooney et al. 2007, as in Marques et al. 2019).
DISPERSION = {'WM': (0.00071, 0.382), 'GM': (0.00116, 0.376), 'CSF': (4.33, 0.0)}
GYROMAGNETIC_RATIO = 42.577e6  # Hz / T
#: Relative to CSF (water content, Whittall et al. 1997).
PROTON_DENSITY = {'WM': 0.70, 'GM': 0.82, 'CSF': 1.0}


def dispersion_t1(tissue: str, field: float) -> float:
    """T1 in seconds by the dispersion law of Rooney et al. (2007) at ``field`` tesla."""
    scale, exponent = DISPERSION[tissue]
    return scale * (GYROMAGNETIC_RATIO * field) ** exponent


def measured(tissue: str, quantity: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the measured (fields in T, values in s) of ``T1`` or ``T2`` of a tissue."""
    text = resources.files('ulfprep.data').joinpath('relaxation.csv').read_text()
    rows = [
        (float(row['field_T']), float(row[f'{quantity}_ms']) / 1000)
        for row in csv.DictReader(text.splitlines())
        if row['tissue'] == tissue and row[f'{quantity}_ms']
    ]
    fields, values = np.array(sorted(rows)).T
    return fields, values


def relaxation(tissue: str, field: float) -> tuple[float, float, float]:
    """T1, T2 and proton density of a tissue.

    Parameters
    ----------
    tissue : {'CSF', 'GM', 'WM'}
    field : float
        Field strength, tesla.

    Returns
    -------
    t1, t2 : float
        Relaxation times, seconds.
    proton_density : float
        Relative to CSF.

    Raises
    ------
    ValueError
        If the field is outside 0.01 to 20 T.
    """
    if not 0.01 <= field <= 20:
        raise ValueError(f'no relaxation times are known for a field of {field} T')
    fields, t1s = measured(tissue, 'T1')
    inside = min(max(field, fields[0]), fields[-1])
    t1 = float(np.exp(np.interp(np.log(inside), np.log(fields), np.log(t1s))))
    # Outside the measured range the law's slope carries the nearest measurement on.
    t1 *= dispersion_t1(tissue, field) / dispersion_t1(tissue, inside)
    fields, t2s = measured(tissue, 'T2')
    t2 = float(np.exp(np.interp(np.log(field), np.log(fields), np.log(t2s))))
    return t1, t2, PROTON_DENSITY[tissue]
