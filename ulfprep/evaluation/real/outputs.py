"""What a run leaves of a scan, read back: images on the grid of the enhanced one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ulfprep.bids.files import read_json
from ulfprep.bids.read.scan import Scan
from ulfprep.bids.write.derivatives import COMMON, ENHANCED, QC, path_of
from ulfprep.evaluation.cases import load_canonical
from ulfprep.physics import TISSUES
from ulfprep.physics.grid import Grid
from ulfprep.physics.interpolation import bicubic


@dataclass(frozen=True, eq=False)
class Outputs:
    """Derivatives of an enhanced scan.

    Attributes
    ----------
    scan, scan_mask : numpy.ndarray, shape (X, Y, Z)
        Bias-corrected scan and brain, on ``scan_grid``.
    scan_grid, grid : Grid
    interpolated, enhanced, uncertainty, claim : numpy.ndarray, shape (x, y, z)
        On ``grid``; the first is the bias-corrected scan by cubic splines.
    mask : numpy.ndarray of bool, shape (x, y, z)
        Brain of the enhanced image.
    probs : numpy.ndarray, shape (3, x, y, z)
        Final CSF, GM, WM.
    qc : dict
        Content of ``desc-qc_*.json``.
    """

    scan: np.ndarray
    scan_mask: np.ndarray
    scan_grid: Grid
    interpolated: np.ndarray
    enhanced: np.ndarray
    uncertainty: np.ndarray
    claim: np.ndarray
    mask: np.ndarray
    probs: np.ndarray
    grid: Grid
    qc: dict


def read_outputs(scan: Scan, folder: Path) -> Outputs:
    """Read the derivatives of an enhanced scan.

    Parameters
    ----------
    scan : Scan
    folder : Path
        Derivatives of the run.

    Raises
    ------
    FileNotFoundError
        If one is missing; the message names it.
    ValueError
        If it was not enhanced, or images that belong together differ in shape.
    """
    files = {one.key: folder / path_of(scan, one) for one in (*COMMON, *ENHANCED, QC)}
    for path in files.values():
        if not path.is_file():
            raise FileNotFoundError(f'{path} is missing: run ulfprep on the scan again')
    qc = read_json(files['qc'])
    if qc.get('direction') != 'enhance':
        raise ValueError(f'{files["qc"]}: the scan was not enhanced')

    def fine(key):
        image, its = load_canonical(files[key])
        if image.shape != enhanced.shape:
            raise ValueError(f'{files[key]} must lie on the grid of {files["enhanced"].name}')
        return image

    source, source_grid = load_canonical(files['preproc'])
    enhanced, grid = load_canonical(files['enhanced'])
    return Outputs(
        scan=source,
        scan_mask=load_canonical(files['brain_mask'])[0] > 0,
        scan_grid=source_grid,
        interpolated=bicubic(source, source_grid, grid),
        enhanced=enhanced,
        uncertainty=fine('uncertainty'),
        claim=fine('claim'),
        mask=fine('fine_dseg') > 0,
        probs=np.stack([fine(f'fine_probseg_{tissue.lower()}') for tissue in TISSUES]),
        grid=grid,
        qc=qc,
    )
