"""Where the images and maps of a finished scan lie, from its name alone."""

from pathlib import Path

from ulfprep.bids.derivatives import resolution_label


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
    stem, _, suffix = name.rpartition('_')
    subject, *rest = stem.split('_')
    session = next((entity for entity in rest if entity.startswith('ses-')), '')
    anat = output_dir / subject / session / 'anat'
    fine = f'{stem}_res-{resolution_label(resolution)}'
    # Tissues of a T2w would otherwise take the names of the T1w's.
    other = '' if suffix == 'T1w' else f'_desc-{suffix}'

    def image(start, description):
        return anat / f'{start}_desc-{description}_{suffix}.nii.gz'

    paths = {key: image(fine, key) for key in ('enhanced', 'claim', 'uncertainty')}
    paths |= {key: image(stem, key) for key in ('preproc', 'residual')}
    simulated = image(f'{stem}_res-ulf', 'simulated')
    if not simulated.is_file():
        simulated = image(f'{stem}_res-ulf', 'simulated1')
    return paths | {
        'tissues': anat / f'{stem}{other}_dseg.nii.gz',
        'fine_tissues': anat / f'{fine}{other}_dseg.nii.gz',
        'simulated': simulated,
    }
