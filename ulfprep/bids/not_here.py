"""Files whose content was not fetched: what git-annex, DataLad and Git LFS leave in its place."""

import os
import shlex
from pathlib import Path

#: What stands in the target of an annexed file's link, and in the text left where links cannot be.
ANNEX = '/annex/objects/'
#: How the text begins that Git LFS leaves.
LFS = 'version https://git-lfs.github.com/spec/'
#: Such texts are no longer than this, bytes.
LONGEST = 32768


def not_here(path: Path) -> str:
    """Say that a file's content is elsewhere, and how to get it.

    Parameters
    ----------
    path : Path
        Any file, or a link that leads nowhere.

    Returns
    -------
    str
        Half a sentence that begins with the path; empty where the file is what it seems.
    """
    path = Path(path)
    if path.is_symlink() and not path.exists():
        if ANNEX in Path(os.readlink(path)).as_posix():
            return _annexed(path)
        return (
            f'{path}: a broken link; restore what it leads to, and if the dataset is managed by '
            'git-annex or DataLad, get its content first (datalad get)'
        )
    try:
        if not path.is_file() or path.stat().st_size > LONGEST:
            return ''
        with open(path, 'rb') as file:
            first = file.read(512).split(b'\n')[0].decode('utf-8', 'replace')
    except OSError:
        return ''
    # A link that was written as a text begins with the way to the repository.
    if first.startswith(ANNEX) or (first.startswith('.') and f'/.git{ANNEX}' in first):
        return _annexed(path)
    if first.startswith(LFS):
        return (
            f'{path}: only a text of Git LFS, not the file itself; get its content first '
            f'(git lfs pull --include {shlex.quote(path.name)})'
        )
    return ''


def _annexed(path: Path) -> str:
    name = shlex.quote(str(path))
    return (
        f'{path}: its content is not here, only the key of git-annex; get its content first '
        f'(git annex get {name}, or datalad get {name})'
    )
