"""An enhanced image and plain interpolation, held against a high-field image of the same head."""

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from ulfprep.metrics.contrast import tissue_means
from ulfprep.metrics.perceptual import lpips
from ulfprep.metrics.registry import Metric, NotMeasured, measures
from ulfprep.metrics.similarity import (
    canny_edges,
    dice,
    edge_f1,
    line_correlations,
    match_intensity,
    psnr,
    ssim,
)
from ulfprep.physics import LABELS, TISSUES, to_dseg
from ulfprep.physics.contrast import michelson

#: The brightest tissue of the high-field image is one; a little more is the range of a brain.
DATA_RANGE = 1.2
#: Voxels that both brains must share.
LEAST_SHARED = 10000
HIGHFIELD = partial(Metric, category='Against the high-field image')
NOTHING = 'it cannot be computed: the images have nothing to compare'
WHERE = 'inside the brain of both, after a linear fit of intensities'


@dataclass(frozen=True)
class Comparison:
    """An enhanced image and a high-field image of the same person, on one grid.

    Images and brain masks (bool) have shape (X, Y, Z), tissues (3, X, Y, Z). Voxels count where
    both masks say brain; volumes are those of the whole grid. Intensities are fitted linearly, and
    the high-field image is scaled so that its brightest tissue is one, so that no image is paid
    for its scale.
    """

    enhanced: np.ndarray
    mask: np.ndarray
    probs: np.ndarray
    bicubic: np.ndarray  # the scan, interpolated
    plain_probs: np.ndarray  # its tissues
    highfield: np.ndarray
    highfield_mask: np.ndarray
    highfield_probs: np.ndarray
    voxel: float  # volume, ml

    @cached_property
    def shared(self) -> np.ndarray:
        """Voxels that both call brain."""
        return np.asarray(self.mask, bool) & np.asarray(self.highfield_mask, bool)

    def means_of(self, image: np.ndarray) -> np.ndarray:
        """Return the tissue means of an image under the tissues of the high-field image."""
        return tissue_means(np.where(self.shared, image, 0), self.highfield_probs * self.shared)

    @cached_property
    def means(self) -> np.ndarray:
        """Tissue means of the high-field image."""
        if self.shared.sum() < LEAST_SHARED:
            count = int(self.shared.sum())
            raise NotMeasured(f'scan and high-field image share {count} voxels of brain only')
        means = self.means_of(self.highfield)
        if not np.isfinite(means).all() or means.max() <= 0:
            raise NotMeasured('the tissues of the high-field image could not all be measured')
        return means

    @cached_property
    def truth(self) -> np.ndarray:
        """The high-field image, its brightest tissue one, zero outside the shared brain."""
        return np.where(self.shared, self.highfield / self.means.max(), 0).astype(np.float32)

    @cached_property
    def images(self) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...]:
        """Enhanced and interpolated image: as it is, fitted to the truth, tissues."""
        return tuple(
            (image, match_intensity(image, self.truth, self.shared).astype(np.float32), probs)
            for image, probs in ((self.enhanced, self.probs), (self.bicubic, self.plain_probs))
        )


def _both(name, label, hint, description, **more):
    """Return a metric of the enhanced image, and the same of the interpolated scan."""
    plain = f'{description} Of the cubically interpolated scan.'
    return (
        HIGHFIELD(name, f'{label}, enhanced', f'{hint}.', description, **more),
        HIGHFIELD(
            f'{name}_bicubic', f'{label}, cubic interpolation', f'{hint} (scan).', plain, **more
        ),
    )


@measures(
    *_both(
        'highfield_psnr',
        'PSNR',
        'How near voxel values are to the high-field image',
        f'Peak signal-to-noise ratio against the high-field image {WHERE}; the range is 1.2 times '
        'its brightest tissue.',
        unit='dB',
        better='higher',
    ),
    *_both(
        'highfield_ssim',
        'SSIM',
        'How alike local structure is, 1 at best',
        f'Mean 3-D structural similarity to the high-field image {WHERE}.',
        better='higher',
    ),
    of='compare',
    otherwise=NOTHING,
)
def likeness(one: Comparison) -> list[float]:
    """PSNR and SSIM, enhanced and interpolated."""
    return [
        score(matched, one.truth, one.shared, DATA_RANGE)
        for score in (psnr, ssim)
        for _, matched, _ in one.images
    ]


@measures(
    *_both(
        'highfield_edge_f1',
        'Edge F1',
        'Share of borders that lie exactly where the high-field image has them',
        'F1 of Canny edges of axial slices against those of the high-field image, no tolerance.',
        better='higher',
    ),
    *_both(
        'highfield_edge_f1_1voxel',
        'Edge F1 within a voxel',
        'The same to within 1 mm',
        'The same, an edge may be off by one voxel.',
        better='higher',
    ),
    of='compare',
    otherwise=NOTHING,
)
def edges(one: Comparison) -> list[float]:
    """F1 of edges, without and with a tolerance."""
    there = canny_edges(one.truth, one.shared)
    found = [canny_edges(matched, one.shared) for _, matched, _ in one.images]
    return [edge_f1(own, there, tolerance) for tolerance in (0, 1) for own in found]


@measures(
    *_both(
        'highfield_lpips',
        'LPIPS',
        'How different the images look to a network trained on human judgement',
        'Learned perceptual image patch similarity (AlexNet) to the high-field image, mean over '
        'axial slices.',
        better='lower',
    ),
    of='compare',
)
def perceived(one: Comparison) -> list[float]:
    """LPIPS of both images."""
    found = [lpips(matched, one.truth, one.shared, DATA_RANGE) for _, matched, _ in one.images]
    if reason := next((why for _, why in found if why), ''):
        raise NotMeasured(reason)
    return [value for value, _ in found]


@measures(
    *_both(
        'contrast_wm_gm_by_highfield',
        'WM-GM contrast by high-field tissues',
        'Contrast where the high-field image says that the tissues are',
        '2 (WM - GM) / (WM + GM), means under the tissues of the high-field image.',
    ),
    HIGHFIELD(
        'highfield_contrast',
        'WM-GM contrast, high-field image',
        'The contrast of the high-field image itself.',
        '2 (WM - GM) / (WM + GM) of the high-field image.',
    ),
    of='compare',
    otherwise=NOTHING,
)
def contrasts(one: Comparison) -> list[float]:
    """Contrast of both images and of the high-field image, under its tissues."""
    all_means = [one.means, *(one.means_of(image) for image, *_ in one.images)]
    own, enhanced, plain = (michelson(means[2], means[1]) for means in all_means)
    return [enhanced, plain, own]


def _of_tissues():
    for tissue in TISSUES:
        yield from _both(
            f'dice_{tissue.lower()}',
            f'Dice of {tissue}',
            '1: the tissue lies where the high-field image has it',
            'Overlap of the labels with those of the high-field image.',
            better='higher',
        )
        yield from _both(
            f'volume_error_{tissue.lower()}',
            f'Volume error of {tissue}',
            '0.1: a tenth too large',
            'Volume over that by the high-field image, less one.',
            better='ideal',
            ideal=0.0,
        )


@measures(*_of_tissues(), of='compare', otherwise=NOTHING)
def tissues(one: Comparison) -> list[float]:
    """Overlap and volume error of every tissue, enhanced and interpolated."""
    _ = one.means  # brains that do not meet have no tissues to compare
    labels = to_dseg(one.highfield_probs, one.shared)
    own = [to_dseg(probs, one.shared) for _, _, probs in one.images]
    found = []
    for k, tissue in enumerate(TISSUES):
        found += [dice(image, labels, LABELS[tissue]) for image in own]
        volumes = [
            float(probs[k].sum(dtype=np.float64)) * one.voxel
            for probs in (one.highfield_probs, one.probs, one.plain_probs)
        ]
        found += [v / volumes[0] - 1 if volumes[0] else np.nan for v in volumes[1:]]
    return found


@measures(
    HIGHFIELD(
        'dice_brain',
        'Dice of the brains',
        'Far below 1: masks or registration do not fit; look before believing the rest.',
        'Overlap of the brain mask of the enhanced image with that of the high-field image.',
        better='higher',
    ),
    of='compare',
    otherwise=NOTHING,
)
def brains(one: Comparison) -> float:
    """Overlap of the two brain masks."""
    return dice(np.asarray(one.mask, bool), np.asarray(one.highfield_mask, bool), True)


@measures(
    *(
        HIGHFIELD(
            f'highfield_{name}',
            f'Mean {words}, high-field image',
            'What the high-field image itself has.',
            f'Mean {words} of the high-field image.',
        )
        for name, words in (('mlc', 'line correlation'), ('mslc', 'shifted line correlation'))
    ),
    of='compare',
    otherwise=NOTHING,
)
def own_lines(one: Comparison) -> tuple[float, ...]:
    """Line correlations of the high-field image."""
    return line_correlations(one.truth, one.shared)
