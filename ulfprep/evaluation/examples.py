"""The example dataset: simulated 64 mT scans of a brain that everybody may have.

``python -m ulfprep.evaluation.examples bids_examples/ulf64mt`` writes it anew. The brain is the
MNI152 template (ICBM 2009a symmetric) that the nilearn package ships; both scans go
through ulfprep's own forward model.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from ulfprep.bids.files import write_json
from ulfprep.physics.acquisition import acquisition_matrices, add_rician_noise, apply_matrices
from ulfprep.physics.grid import Grid
from ulfprep.physics.plan import plan_contrast
from ulfprep.physics.simulation import simulate

#: The template averages scans of about 1.5 T.
TEMPLATE_FIELD, TARGET_FIELD = 1.5, 0.064
VOXEL_SIZE = (1.6, 1.6, 5.0)
SUBJECTS = ('01', '02')

LICENCE = """\
The images in this dataset are derived from the ICBM 2009a Nonlinear Symmetric template:

Copyright (C) 1993-2009 Louis Collins, McConnell Brain Imaging Centre, Montreal
Neurological Institute, McGill University. Permission to use, copy, modify, and
distribute this software and its documentation for any purpose and without fee is
hereby granted, provided that the above copyright notice appear in all copies. The
authors and McGill University make no representations about the suitability of this
software for any purpose. It is provided "as is" without express or implied warranty.
The authors are not responsible for any data loss, equipment damage, property loss, or
injury to subjects or patients resulting from the use or misuse of this software package.

Reference: Fonov V, Evans AC, Botteron K, Almli CR, McKinstry RC, Collins DL, and the
Brain Development Cooperative Group. Unbiased average age-appropriate atlases for
pediatric studies. NeuroImage 2011;54(1):313-327.
"""

README = """\
Two simulated 64 mT T1-weighted scans (1.6 x 1.6 x 5 mm) of the MNI152 template, skull-stripped.
sub-01 is the template as it is; sub-02 is another size and shape of it, cut in tilted slices.

They were made by the HF-to-ULF direction of ulfprep itself (tissue contrast by relaxation times
and sequence timings, Gaussian PSF, Rician noise), so they flatter its inverse: use them
to try the software out, not to judge it. To make them anew:

    python -m ulfprep.evaluation.examples bids_examples/ulf64mt
"""


@dataclass(frozen=True, eq=False)
class Truth:
    """The high-field brain behind a scan, on a 1 mm grid."""

    image: np.ndarray  # T1w, white matter about one
    probs: np.ndarray  # CSF, GM, WM, shape (3, x, y, z)
    mask: np.ndarray
    grid: Grid

    @property
    def labels(self) -> np.ndarray:
        """Most probable tissue, shape (x, y, z): 0 outside, 1 CSF, 2 GM, 3 WM."""
        return np.where(self.mask, self.probs.argmax(axis=0) + 1, 0).astype(np.uint8)


def example_truth(subject: str) -> Truth:
    """Build the high-field brain of an example subject, ``01`` or ``02``, from the template."""
    from nilearn import datasets

    loaders = (
        datasets.load_mni152_template,
        datasets.load_mni152_gm_template,
        datasets.load_mni152_wm_template,
    )
    images = [loader(resolution=1) for loader in loaders]
    template, grey, white = (np.asarray(im.dataobj, dtype=np.float32) for im in images)
    source = Grid(template.shape, np.asarray(images[0].affine, float))
    grid = _scanner_grid(subject)
    where = _anatomy(subject, grid, source)
    image, grey, white = (
        ndimage.map_coordinates(volume, where, order=1, mode='constant')
        for volume in (template, grey, white)
    )
    mask = ndimage.binary_fill_holes(image > 0.05 * float(np.percentile(image, 99)))
    mask = ndimage.binary_opening(mask, iterations=2)
    probs = np.stack([np.clip(1 - grey - white, 0, 1), grey, white]) * mask
    probs /= np.maximum(probs.sum(axis=0), 1e-6)
    brightness = float(np.average(image[mask], weights=probs[2][mask] ** 8 + 1e-9))
    image = np.where(mask, image / brightness, 0)
    return Truth(image.astype(np.float32), probs.astype(np.float32), mask, grid)


def _scanner_grid(subject):
    """1 mm grid around the brain; tilted by 12 degrees for the second subject."""
    shape = np.array((160, 195, 165))
    affine = np.eye(4)
    if subject == '02':
        angle = np.deg2rad(12)
        affine[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    centre = np.array((0.0, -18.0, 5.0))
    affine[:3, 3] = centre - affine[:3, :3] @ ((shape - 1) / 2)
    return Grid(tuple(int(n) for n in shape), affine)


def _anatomy(subject, grid, source):
    """Index into the template of every voxel of the grid, shape (3, x, y, z)."""
    index = np.indices(grid.shape, dtype=np.float32).reshape(3, -1)
    world = grid.affine[:3, :3] @ index + grid.affine[:3, 3:]
    if subject == '02':
        # A smaller, rounder brain with its own folds: scaling and a smooth warp of a few mm.
        centre = np.array([[0.0], [-18.0], [5.0]])
        world = (world - centre) / np.array([[0.97], [0.93], [0.95]]) + centre
        x, y, z = world / 25.0
        world = world + 2.5 * np.stack(
            [np.sin(y + 0.5) * np.cos(z), np.sin(z + 1.0) * np.cos(x), np.sin(x) * np.cos(y)]
        )
    inverse = np.linalg.inv(source.affine)
    return (inverse[:3, :3] @ world + inverse[:3, 3:]).reshape(3, *grid.shape)


def simulate_example(subject: str, seed: int = 2025):
    """Simulate the 64 mT scan of an example subject; returns scan, grid and plan."""
    truth = example_truth(subject)
    plan = plan_contrast(
        truth.image, truth.mask, truth.probs, truth.grid.zooms, {}, TEMPLATE_FIELD, TARGET_FIELD
    )
    simulation = simulate(
        truth.image, truth.mask, truth.probs, truth.grid, plan, voxel_size=VOXEL_SIZE
    )
    grid = simulation.grid
    # The noise that the published scans were made with, whatever `realise` draws today.
    rng = np.random.default_rng(seed + int(subject))
    scan = add_rician_noise(simulation.expected, simulation.sigma, rng)
    matrices = acquisition_matrices(grid, truth.grid, VOXEL_SIZE)
    brain = apply_matrices(matrices, truth.mask.astype(np.float32)) > 0.5
    return np.where(brain, scan, 0), grid, plan


def write_examples(root: Path) -> None:
    """Write the example dataset, a valid BIDS dataset, into ``root``."""
    import nibabel as nib

    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    write_json(
        root / 'dataset_description.json',
        {
            'Name': 'Simulated 64 mT T1-weighted scans of the MNI152 template',
            'BIDSVersion': '1.9.0',
            'DatasetType': 'raw',
            'License': 'See LICENSE: free use with the copyright notice of the ICBM template',
            'Authors': ['The ulfprep developers'],
            'ReferencesAndLinks': ['https://doi.org/10.1016/j.neuroimage.2010.07.033'],
        },
    )
    (root / 'README').write_text(README)
    (root / 'LICENSE').write_text(LICENCE)
    (root / 'participants.tsv').write_text(
        'participant_id\tspecies\n' + ''.join(f'sub-{s}\thomo sapiens\n' for s in SUBJECTS)
    )
    for subject in SUBJECTS:
        scan, grid, plan = simulate_example(subject)
        anat = root / f'sub-{subject}' / 'anat'
        anat.mkdir(parents=True, exist_ok=True)
        scaled = np.rint(scan * (1000 / np.percentile(scan[scan > 0], 99)))
        image = nib.Nifti1Image(scaled.astype(np.int16), grid.affine)
        image.header.set_xyzt_units('mm', 'sec')
        image.set_sform(grid.affine, 1)
        image.set_qform(grid.affine, 1)
        nib.save(image, anat / f'sub-{subject}_T1w.nii.gz')
        sequence = plan.target_sequence
        write_json(
            anat / f'sub-{subject}_T1w.json',
            {
                'Modality': 'MR',
                'MagneticFieldStrength': TARGET_FIELD,
                'Manufacturer': 'simulated',
                'PulseSequenceType': '3D inversion-recovery FSE',
                'MRAcquisitionType': '3D',
                'RepetitionTime': sequence.repetition_time,
                'InversionTime': sequence.inversion_time,
                'EchoTime': sequence.echo_time,
                'SliceThickness': VOXEL_SIZE[2],
                'SkullStripped': True,
            },
        )


def main(argv=None) -> int:
    """Entry point of ``python -m ulfprep.evaluation.examples``."""
    parser = argparse.ArgumentParser(description='Write the simulated 64 mT example dataset.')
    parser.add_argument('root', type=Path, help='folder of the dataset')
    write_examples(parser.parse_args(argv).root)
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
