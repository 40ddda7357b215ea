"""Intermediate results that a lost machine or a full disk left damaged in the work folder.

Nipype takes a step for done by the names of its files. A run that was merely killed never leaves
it so; a machine that lost power may, with files cut short under their final names, and so do
scratch disks that are purged of old files.
"""

import gzip
import json
import logging
import shutil
import zipfile
import zlib
from pathlib import Path

LOGGER = logging.getLogger('ulfprep')
#: What reading a damaged file ends with.
_DAMAGED = (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile)
_BLOCK = 1 << 20
#: What Nipype keeps of each step.
_OF_STEPS = ('_node.pklz', '_inputs.pklz', 'result_*.pklz', '_0x*.json')


def remove_damaged(folder: Path) -> list[Path]:
    """Remove folders of steps that left damaged files, so that they run again; return them.

    ``folder`` is that of a workflow in the work folder, and need not exist.
    """
    removed = []
    steps = {path.parent for name in _OF_STEPS for path in folder.rglob(name)}
    for step in sorted(steps):
        files = sorted(path for path in step.rglob('*') if path.is_file())
        damaged = next(filter(is_damaged, files), None) or _incomplete(step)
        if damaged is None:
            continue
        LOGGER.warning('%s: damaged or incomplete, so that its step is run again', damaged)
        shutil.rmtree(step, ignore_errors=True)
        removed.append(step)
    return removed


def _incomplete(step: Path) -> Path | None:
    """Return the result of a step that names files which are not there any more."""
    from nipype.pipeline.engine.utils import load_resultfile

    for path in step.glob('result_*.pklz'):
        try:
            load_resultfile(path)
        except Exception:  # noqa: BLE001 - of whatever kind: it is of no use
            return path
    return None


def is_damaged(path: Path) -> bool:
    """Tell whether a file is not what was written, as far as its format shows.

    Compressed files and archives hold checksums; JSON has to parse, and no file is empty.
    """
    name = path.name
    try:
        if path.stat().st_size == 0:
            return True
        if name.endswith(('.gz', '.pklz')):
            with gzip.open(path) as file:
                while file.read(_BLOCK):
                    pass
        elif name.endswith(('.npz', '.pt')):
            with zipfile.ZipFile(path) as archive:
                return archive.testzip() is not None
        # Nipype's own hash files hold plain text where an input has no JSON.
        elif name.endswith('.json') and not name.startswith('_0x'):
            json.loads(path.read_text(encoding='utf-8'))
    except _DAMAGED:
        return True
    return False
