"""One picture of an example: the scan, the enhanced image, the truth, the uncertainty."""

import json
from pathlib import Path

import numpy as np


def picture_example(output_dir: Path, examples: Path, target: Path, subject: str = '01') -> None:
    """Draw an enhanced example scan beside interpolation and the template it was made from.

    Parameters
    ----------
    output_dir : Path
        Derivatives of a participant-level run on the example dataset.
    examples : Path
        The example dataset.
    target : Path
        PNG file to write.
    subject : str
    """
    import matplotlib

    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    import nibabel as nib

    from ulfprep.evaluation.examples import example_truth, rendered_label
    from ulfprep.physics.grid import Grid
    from ulfprep.physics.interpolation import bicubic

    truth = example_truth(subject)
    stem = f'sub-{subject}'

    def on_truth(path):
        image = nib.as_closest_canonical(nib.load(path))
        data = np.asarray(image.dataobj, dtype=np.float32)
        return bicubic(data, Grid(data.shape, image.affine), truth.grid) * truth.mask

    folder = output_dir / stem / 'anat'
    quality = json.loads((folder / f'{stem}_desc-qc_T1w.json').read_text())
    fine = folder / f'{stem}_res-{rendered_label(quality)}_desc'
    white = truth.probs[2] > 0.9
    columns = [
        ('64 mT, interpolated', on_truth(examples / stem / 'anat' / f'{stem}_T1w.nii.gz')),
        ('enhanced by ulfprep', on_truth(f'{fine}-enhanced_T1w.nii.gz')),
        ('the template (truth)', truth.image),
        (
            'its uncertainty (s.d.)',
            on_truth(f'{fine}-uncertainty_T1w.nii.gz'),
        ),
    ]
    scale = columns[1][1][white].mean()
    centre = [int(round(float(where.mean()))) for where in np.nonzero(truth.mask)]
    views = [(2, centre[2] + 2), (1, centre[1] - 8)]
    figure = plt.figure(figsize=(12, 6), facecolor='black', layout='constrained')
    layout = figure.add_gridspec(2, 5, width_ratios=(1, 1, 1, 1, 0.04))
    for column, (title, data) in enumerate(columns):
        last = column == 3
        data = data / (scale if last else data[white].mean())
        for row, (axis, index) in enumerate(views):
            ax = figure.add_subplot(layout[row, column])
            shown = ax.imshow(
                np.take(data, index, axis=axis).T,
                origin='lower',
                cmap='magma' if last else 'gray',
                vmin=0,
                vmax=0.2 if last else 1.2,
            )
            ax.axis('off')
            if row == 0:
                ax.set_title(title, color='white', fontsize=12)
    bar = figure.colorbar(shown, cax=figure.add_subplot(layout[:, 4]))
    bar.ax.tick_params(colors='white')
    bar.set_label('relative to white matter', color='white')
    figure.savefig(target, dpi=80, facecolor='black')
    plt.close(figure)
