"""Where the images and maps of a finished scan lie, from its name alone."""

from pathlib import Path

from ulfprep.bids.dataset import Scan
from ulfprep.bids.derivatives import COMMON, ENHANCED, path_of, simulated
from ulfprep.bids.names import parse_name


def volume_paths(output_dir: Path, name: str, resolution: float = 1.0) -> dict[str, Path]:
    """Return the files of a scan by what they are; they need not be there.

    Parameters
    ----------
    output_dir : Path
        Derivatives dataset.
    name : str
        Name of the scan without ``desc``, such as ``sub-01_ses-A_run-1_T1w``.
    resolution : float
        Voxel size of its enhanced image, mm.

    Returns
    -------
    dict of str to Path
        ``enhanced``, ``claim``, ``uncertainty``, ``fine_tissues`` on the grid of the enhanced
        image, ``preproc``, ``residual``, ``tissues`` on that of the scan, ``simulated`` (the
        first, where there are several).
    """
    parsed = parse_name(name)
    scan = Scan(
        Path(), parsed.entities, stem=parsed.stem, suffix=parsed.suffix, resolution=resolution
    )
    made = {one.key: output_dir / path_of(scan, one) for one in (*COMMON, *ENHANCED)}
    paths = {key: made[key] for key in ('enhanced', 'claim', 'uncertainty', 'preproc', 'residual')}
    simulations = [output_dir / path_of(scan, simulated(count)[0]) for count in (1, 2)]
    return paths | {
        'tissues': made['dseg'],
        'fine_tissues': made['fine_dseg'],
        'simulated': next((path for path in simulations if path.is_file()), simulations[-1]),
    }
