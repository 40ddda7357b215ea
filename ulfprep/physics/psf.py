"""Point-spread functions: how far around its centre an acquired voxel looks.

A PSF is the product of one profile an axis of the scan. Every profile here has the stated
full width at half maximum (FWHM), so that kinds are compared at equal resolution:

``gaussian``
    Cut at 3.5 s.d.; the default.
``slice-profile``
    Gaussian in-plane; across slices a boxcar of the slice thickness whose edges fall off as
    half a cosine over 0.3 of it, about what a selective pulse of time-bandwidth product 4
    reaches. It is averaged over the extent of a fine sample. Slices lie across the axis
    with the widest PSF, the last of equals.
``kspace``
    Truncated k-space under a Tukey window that tapers its outer half (alpha 0.5): what a
    3-D or in-plane acquisition gives. Its side lobes ring, down to -18 % of the peak. The
    window's Fourier transform is the raised-cosine pulse
    ``sinc(t) cos(pi b t) / (1 - (2 b t)^2)`` with roll-off b = 1/3 and FWHM 1.179 (t in
    units of the inverse of the width of k-space at half the window's height), cut at its
    fourth zero.
"""

import numpy as np

from ulfprep.physics.types import Numbers

KINDS = ('gaussian', 'slice-profile', 'kspace')
#: What a profile without negative lobes gathers from beyond the border is left out, and the rest
#: weighted up to one. Lobes of both signs may leave a rest close to zero: with them, samples
#: beyond the border count as the border's own value.
RINGING = 'kspace'
# A Python float: NumPy's own would turn single precision into double.
FWHM_PER_SIGMA = float(2 * np.sqrt(2 * np.log(2)))

GAUSSIAN_CUT = 3.5  # standard deviations
SLICE_EDGE = 0.3  # of the thickness
TUKEY_ROLL_OFF = 1 / 3  # alpha = 2 b / (1 + b) = 0.5
TUKEY_FWHM = 1.1794142
TUKEY_CUT = 4.0


def axis_kinds(psf: str, fwhm: Numbers) -> tuple[str, ...]:
    """Kind of the profile along each axis of the scan, by the FWHM along it."""
    _check(psf)
    if psf != 'slice-profile':
        return (psf,) * 3
    slices = 2 - int(np.argmax(np.asarray(fwhm, float)[::-1]))
    return tuple('slice-profile' if axis == slices else 'gaussian' for axis in range(3))


def profile(distance: np.ndarray, fwhm: float, kind: str, spacing: float = 1.0) -> np.ndarray:
    """Value of a profile at a distance from the centre; its scale is arbitrary.

    Parameters
    ----------
    distance : numpy.ndarray
        In any unit of length.
    fwhm : float
        In the same unit. Profiles narrower than the lattice fall between its points, so
        that below about one sample they become linear interpolation's, the honest floor.
    kind : str
        One of :data:`KINDS`.
    spacing : float
        Distance of the samples that the profile weighs, same unit.
    """
    width = _width(fwhm, kind, spacing)
    if kind == 'gaussian':
        scaled = distance / width
        return np.exp(-0.5 * scaled**2) * (np.abs(scaled) <= GAUSSIAN_CUT)
    if kind == 'slice-profile':
        half = spacing / 2
        return _boxcar_integral(distance + half, width) - _boxcar_integral(distance - half, width)
    t = distance / width
    # cos(pi v / 2) / (1 - v^2) in a form that has no gap at v = 1.
    v = 2 * TUKEY_ROLL_OFF * t
    taper = np.pi / 4 * (np.sinc((1 - v) / 2) + np.sinc((1 + v) / 2))
    return np.sinc(t) * taper * (np.abs(t) <= TUKEY_CUT)


def reach(fwhm: float, kind: str, spacing: float = 1.0) -> float:
    """Distance beyond which :func:`profile` is zero; parameters as there."""
    width = _width(fwhm, kind, spacing)
    if kind == 'gaussian':
        return GAUSSIAN_CUT * width
    if kind == 'slice-profile':
        return (1 + SLICE_EDGE) * width / 2 + spacing / 2
    return TUKEY_CUT * width


def _width(fwhm, kind, spacing):
    """Natural width of a profile: s.d., thickness, or time unit of the pulse."""
    _check(kind)
    if kind == 'gaussian':
        return max(fwhm / FWHM_PER_SIGMA, 0.3 * spacing)
    return max(fwhm if kind == 'slice-profile' else fwhm / TUKEY_FWHM, spacing)


def _boxcar_integral(x, thickness):
    """Integral from zero to ``x`` of a boxcar with half-cosine edges."""
    edge = SLICE_EDGE * thickness
    flat = (thickness - edge) / 2
    size = np.abs(x)
    u = np.clip((size - flat) / edge, 0, 1)
    return np.sign(x) * (np.minimum(size, flat) + edge * (u / 2 + np.sin(np.pi * u) / (2 * np.pi)))


def _check(kind):
    if kind not in KINDS:
        raise ValueError(f'no such point-spread function: {kind}; there are {", ".join(KINDS)}')
