"""A phantom head as the files that a scan's figures are drawn from."""

import numpy as np

ZOOMS = (1.6, 1.6, 5.0)
SHAPE = (112, 136, 40)
FIELD_OF_VIEW = np.array(SHAPE) * ZOOMS


def head(shape, zooms):
    """Return the BIDS labels of nested ellipsoids: ventricles, white matter, cortex, rim."""
    axes = [(np.arange(n) + 0.5) * z - n * z / 2 for n, z in zip(shape, zooms, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing='ij')
    radius = np.sqrt((x / 65) ** 2 + (y / 80) ** 2 + (z / 60) ** 2)
    # Folds, so that outlines have the length that those of a brain have.
    fold = radius + 0.05 * np.sin(x / 4) * np.sin(y / 4) * np.sin(z / 5)
    labels = np.zeros(shape, np.uint8)
    labels[radius < 1] = 3
    labels[fold < 0.95] = 1
    labels[fold < 0.8] = 2
    labels[np.sqrt((np.abs(x) - 12) ** 2 / 8**2 + y**2 / 30**2 + z**2 / 15**2) < 1] = 3
    return labels


def lesion(shape, zooms):
    """Return a ball of 30 mm in the left white matter."""
    axes = [(np.arange(n) + 0.5) * z - n * z / 2 for n, z in zip(shape, zooms, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing='ij')
    return (x + 32) ** 2 + y**2 + z**2 < 15**2


def save(path, data, affine):
    import nibabel as nib

    nib.save(nib.Nifti1Image(np.ascontiguousarray(data), affine), path)
    return path


def grid_affine(zooms, rotation=None):
    """Affine of a grid centred in the scanner, its axes turned by ``rotation``."""
    rotation = np.eye(3) if rotation is None else rotation
    affine = np.eye(4)
    affine[:3, :3] = rotation * np.asarray(zooms)
    affine[:3, 3] = -rotation @ (FIELD_OF_VIEW / 2) + affine[:3, :3] @ [0.5, 0.5, 0.5]
    return affine


def make_files(folder, coarsen=1):
    """Write all images of a scan; ``coarsen`` enlarges the voxels."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    zooms = np.array(ZOOMS) * coarsen
    shape = tuple(np.array(SHAPE) // coarsen)
    fine_zooms = np.full(3, 1.0 * coarsen)
    fine_shape = tuple(np.round(FIELD_OF_VIEW / fine_zooms).astype(int))
    scan_affine, fine_affine = grid_affine(zooms), grid_affine(fine_zooms)
    labels, fine = head(shape, zooms), head(fine_shape, fine_zooms)
    grey = np.array([0, 300, 400, 120], np.float32)
    noise = rng.standard_normal(shape).astype(np.float32)
    image = np.abs(grey[labels] + 18 * noise)
    ramp = np.linspace(0.85, 1.15, shape[0], dtype=np.float32)[:, None, None]
    field = np.broadcast_to(ramp, shape)
    enhanced = grey[fine] * 1.02
    spread = np.where(fine > 0, 12, 0).astype(np.float32)
    # Every voxel of grey matter became white matter by a quarter.
    grew = labels == 1
    surprise = noise * (labels > 0)
    surprise[lesion(shape, zooms)] += 9
    return {
        'scan': save(folder / 'scan.nii.gz', image * field, scan_affine),
        'preproc': save(folder / 'preproc.nii.gz', image, scan_affine),
        'bias_field': save(folder / 'field.nii.gz', field, scan_affine),
        'brain_mask': save(folder / 'mask.nii.gz', (labels > 0).astype(np.uint8), scan_affine),
        'dseg': save(folder / 'dseg.nii.gz', labels, scan_affine),
        'bicubic': save(folder / 'bicubic.nii.gz', enhanced * 0.95 + 5, fine_affine),
        'enhanced': save(folder / 'enhanced.nii.gz', enhanced, fine_affine),
        'fine_dseg': save(folder / 'fine.nii.gz', fine, fine_affine),
        'residual': save(folder / 'residual.nii.gz', noise * (labels > 0), scan_affine),
        'disagreement': save(folder / 'd.nii.gz', surprise, scan_affine),
        'uncertainty': save(folder / 'uncertainty.nii.gz', spread, fine_affine),
        'entropy': save(folder / 'entropy.nii.gz', spread / 12, fine_affine),
        'claim': save(folder / 'claim.nii.gz', spread / 24, fine_affine),
        'tissue_change': save(folder / 'c.nii.gz', np.float32(0.25) * grew, scan_affine),
        'tissue_move': save(folder / 'm.nii.gz', np.uint8(4) * grew, scan_affine),
    }
