"""Finished simulations, from the derivatives into a raw BIDS dataset."""

from pathlib import Path

from ulfprep.bids.dataset import Scan
from ulfprep.bids.derivatives import QC, path_of, simulated
from ulfprep.bids.files import read_json
from ulfprep.bids.simulated import is_written, simulated_sidecar, write_simulated
from ulfprep.settings import Settings


def export_simulated(scan: Scan, settings: Settings) -> list[Path]:
    """Put the simulated scans of a finished scan into ``settings.simulate_as_bids``.

    From the derivatives alone, so that a dataset can be asked for after the fact; files that
    are there already with the same bytes are left as they are.

    Parameters
    ----------
    scan : Scan
        Finished, direction ``simulate``.
    settings : Settings

    Returns
    -------
    list of Path
        The images written; empty where nothing was to do.
    """
    folder, out = settings.simulate_as_bids, settings.output_dir
    files = [out / path_of(scan, each) for each in simulated(settings.n_realisations)]
    if is_written(folder, scan, len(files), files):
        return []
    qc = read_json(out / path_of(scan, QC))
    sidecars = [
        simulated_sidecar(
            qc['contrast'],
            qc['simulation'],
            modality=scan.suffix,
            realisation=number,
            seed=qc['seed'],
            label=scan.name,
            keep_head=qc['simulation']['keep_head'],
            source=scan.source,
        )
        for number in range(1, len(files) + 1)
    ]
    return write_simulated(folder, scan, files, sidecars)
