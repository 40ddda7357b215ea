"""Whether a motion that was found between two scans of a head is to be believed."""

from ulfprep.physics.registration import MOST_ROTATION, MOST_SHIFT, register_rigid

#: Correlation of two brains of one contrast below which they are not taken for one brain.
LEAST_CORRELATION = 0.5


class RegistrationError(ValueError):
    """Two scans of one head could not be matched; the message names both."""


def find_motion(moving: tuple, fixed: tuple, *, names: str, same_contrast: bool) -> dict:
    """Register one scan to another, and say how.

    Parameters
    ----------
    moving, fixed : tuple of image, mask and Grid
    names : tuple of 2 str
        What the two are called.
    same_contrast : bool

    Returns
    -------
    dict
        ``name``, ``reference``, ``transform`` (4x4, from the moving world to the fixed, mm),
        ``rotation_deg``, ``translation_mm``, ``measure``, ``similarity_before``,
        ``similarity_after``.

    Raises
    ------
    RegistrationError
        If what was found cannot be believed.
    """
    found = register_rigid(*moving, *fixed, same_contrast=same_contrast)
    after = found.similarity_after if found.ok else found.similarity_before
    # Where no motion makes the two more alike, the headers are as good as can be.
    believed = found.rotation_deg <= MOST_ROTATION and found.translation_mm <= MOST_SHIFT
    reason = '' if believed else found.reason
    if same_contrast and after < LEAST_CORRELATION:
        reason = f'at best the two correlate by {after:.2f}'
    if reason:
        raise RegistrationError(f'{names[0]} could not be registered to {names[1]}: {reason}')
    return {
        'name': names[0],
        'reference': names[1],
        'transform': found.transform,
        'rotation_deg': found.rotation_deg if found.ok else 0.0,
        'translation_mm': found.translation_mm if found.ok else 0.0,
        'measure': 'correlation' if same_contrast else 'mutual information',
        'similarity_before': found.similarity_before,
        'similarity_after': after,
    }
