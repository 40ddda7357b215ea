"""What the metrics against a high-field reference are: entries of the data dictionary."""

from ulfprep.metrics.entry import entry
from ulfprep.physics import TISSUES

CATEGORY = 'Against the reference'
_WHERE = 'inside the brain of both, after a linear fit of intensities'
_IMAGES = (
    ('', 'enhanced', '', ''),
    ('_bicubic', 'cubic interpolation', ' Of the cubically interpolated scan.', ' (scan)'),
)


def compared_entries() -> dict[str, dict]:
    """Return the entries, metric -> entry."""
    made = {}

    def add(name, *args, **more):
        made[name] = entry(*args, category=CATEGORY, **more)

    for end, image, of, short in _IMAGES:
        add(
            f'reference_psnr{end}',
            f'PSNR, {image}',
            f'Peak signal-to-noise ratio against the high-field reference {_WHERE}; the range is '
            f"1.2 times the reference's brightest tissue.{of}",
            'dB',
            better='higher',
            hint=f'How near voxel values are to the high-field image{short}.',
        )
        add(
            f'reference_ssim{end}',
            f'SSIM, {image}',
            f'Mean 3-D structural similarity to the reference {_WHERE}.{of}',
            better='higher',
            hint=f'How alike local structure is, 1 at best{short}.',
        )
        add(
            f'reference_edge_f1{end}',
            f'Edge F1, {image}',
            f'F1 of Canny edges of axial slices against those of the reference, no tolerance.{of}',
            better='higher',
            hint=f'Share of borders that lie exactly where the high-field image has them{short}.',
        )
        add(
            f'reference_edge_f1_1voxel{end}',
            f'Edge F1 within a voxel, {image}',
            f'The same, an edge may be off by one voxel.{of}',
            better='higher',
            hint=f'The same to within 1 mm{short}.',
        )
        add(
            f'reference_lpips{end}',
            f'LPIPS, {image}',
            'Learned perceptual image patch similarity (AlexNet) to the reference, mean over '
            f'axial slices.{of}',
            better='lower',
            hint=f'How different the images look to a network trained on human judgement{short}.',
        )
        add(
            f'contrast_wm_gm_by_reference{end}',
            f'WM-GM contrast by reference tissues, {image}',
            f"2 (WM - GM) / (WM + GM), means under the reference's tissues.{of}",
            hint=f'Contrast where the high-field image says that the tissues are{short}.',
        )
        for tissue in TISSUES:
            add(
                f'dice_{tissue.lower()}{end}',
                f'Dice of {tissue}, {image}',
                f"Overlap of the labels with the reference's.{_tissues(end)}",
                better='higher',
                hint=f'1: the tissue lies where the high-field image has it{short}.',
            )
            add(
                f'volume_error_{tissue.lower()}{end}',
                f'Volume error of {tissue}, {image}',
                f"Volume over the reference's, less one.{_tissues(end)}",
                better='ideal',
                ideal=0.0,
                hint=f'0.1: a tenth too large{short}.',
            )
    add(
        'dice_brain',
        'Dice of the brains',
        'Overlap of the brain mask of the enhanced image with that of the reference.',
        better='higher',
        hint='Far below 1: masks or registration do not fit; look before believing the rest.',
    )
    add(
        'reference_contrast',
        'WM-GM contrast, reference',
        '2 (WM - GM) / (WM + GM) of the reference.',
        hint='The contrast of the high-field image itself.',
    )
    for name, words in (('mlc', 'line correlation'), ('mslc', 'shifted line correlation')):
        add(
            f'reference_{name}',
            f'Mean {words}, reference',
            f'Mean {words} of the reference.',
            hint='What the high-field image itself has.',
        )
    return made


def _tissues(end: str) -> str:
    return " Of the scan's own segmentation, interpolated." if end else ''


#: All of them.
NAMES = tuple(compared_entries())
