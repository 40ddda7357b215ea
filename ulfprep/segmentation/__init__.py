"""Brain, bias field and tissues of a scan: plain functions on arrays.

What has one of these names is the same everywhere:

image
    Intensities, shape (X, Y, Z); bias-corrected wherever tissues are told.
mask, brain : numpy.ndarray of bool
    The brain, on a scan (X, Y, Z) and on a lattice (x, y, z).
zooms, spacing
    Voxel size along the axes and spacing of an isotropic lattice, mm.
acquired, psf
    FWHM of the PSF along the axes of the scan, mm, and its kind
    (:data:`ulfprep.physics.psf.KINDS`); without, the voxel size and a Gaussian.
sigma
    Noise s.d., image units.
expected
    Signals of CSF, GM and WM that the sequence makes, relative to WM; those of T1w without.
prior
    Probabilities of CSF, GM and WM, shape (3, ...), none of them zero; all alike without.
probs, shares
    CSF, GM and WM, shape (3, ...), float32: one in sum inside the brain, zero outside.
"""
