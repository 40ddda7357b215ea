"""Template brains of TemplateFlow that are on this machine; nothing is ever fetched.

TemplateFlow's own client is not used: to import it fills an empty folder with place holders, and
to ask it for a file fetches that. Its naming of files is all that is needed.
"""

import os
from dataclasses import dataclass
from pathlib import Path

#: TemplateFlow numbers resolutions, the finest first; some templates have one and no number.
RESOLUTIONS = ('_res-01', '_res-1', '_res-02', '_res-2', '_res-03', '_res-3', '')


class NoTemplateError(LookupError):
    """A template that is not at hand; the message says which file is missing, and where."""


@dataclass(frozen=True)
class Template:
    """A template brain as files.

    Attributes
    ----------
    space : str
        Its name, such as ``MNI152NLin2009cAsym``.
    image : Path
        T1-weighted.
    mask : Path or None
        Of its brain; None where the image holds nothing else.
    """

    space: str
    image: Path
    mask: Path | None


def templateflow_home() -> Path:
    """Return the folder that TemplateFlow keeps its templates in; it need not be there."""
    given = os.environ.get('TEMPLATEFLOW_HOME')
    if given:
        return Path(given).absolute()
    cache = os.environ.get('XDG_CACHE_HOME')
    # Unlike Path.home, this raises nothing for a user without a home.
    return Path(cache or os.path.expanduser('~/.cache'), 'templateflow').absolute()


def find_template(space: str, home: Path | None = None) -> Template:
    """Return the template of a space in the finest resolution there is.

    Parameters
    ----------
    space : str
        Name as TemplateFlow has it, such as ``MNI152NLin2009cAsym``.
    home : Path, optional
        TemplateFlow's folder; :func:`templateflow_home` without.

    Raises
    ------
    NoTemplateError
        If it is not at hand. A file of no bytes is a place holder.
    """
    folder = (templateflow_home() if home is None else home) / f'tpl-{space}'
    for resolution in RESOLUTIONS:
        if found := _files(folder, f'tpl-{space}{resolution}'):
            return Template(space, *found)
    wanted = f'tpl-{space}_res-01'
    raise NoTemplateError(
        f'{folder / wanted}_T1w.nii.gz and {wanted}_desc-brain_mask.nii.gz beside it are not '
        'there; put them there (TEMPLATEFLOW_HOME names the folder of all templates) or leave '
        'out --output-spaces'
    )


def _files(folder, start):
    """Return image and mask of a template, or a brain alone; None where neither is there."""
    image, mask = folder / f'{start}_T1w.nii.gz', folder / f'{start}_desc-brain_mask.nii.gz'
    brain = folder / f'{start}_desc-brain_T1w.nii.gz'
    if _holds_data(image) and _holds_data(mask):
        return image, mask
    return (brain, None) if _holds_data(brain) else None


def _holds_data(path):
    try:
        return path.is_file() and path.stat().st_size > 0
    except OSError:
        return False
