"""What a scan's results were made from: settings, software, seed, and the bytes of its input."""

import hashlib
import json
import platform
from importlib.metadata import PackageNotFoundError, version

from ulfprep import __version__
from ulfprep.bids.task import Fusion, HighField, Task
from ulfprep.settings import NOT_IN_HASH, Settings

#: Packages whose version may change a result.
PACKAGES = ('numpy', 'scipy', 'nibabel', 'SimpleITK', 'torch', 'deepbet', 'nipype', 'nilearn')


def relevant_settings(settings: Settings) -> dict:
    """Return the settings that can change a result (no paths, no resources)."""
    return {k: v for k, v in settings.to_dict().items() if k not in NOT_IN_HASH}


def input_digest(task: Task) -> str:
    """Return a short hash of a scan's bytes and metadata, and of everything that is given of it.

    The image that it is measured against is in it, too. Of a scan that is fitted with others it is
    a hash of them all.
    """
    if task.fusion and task.is_fused:
        return fusion_digest(task.fusion)
    scan, given = task.scan, task.given
    digest = hashlib.sha256(json.dumps(scan.metadata, sort_keys=True).encode())
    if given.derived:
        digest.update(given.key.encode())
    if task.highfield:
        digest.update(_highfield_digest(task.highfield).encode())
    files = (scan.path, *(path for piece in given.pieces for path in piece.paths))
    for path in dict.fromkeys(files):
        _add_bytes(digest, path)
    return digest.hexdigest()[:16]


def _highfield_digest(highfield: HighField) -> str:
    """Return a short hash of an image's bytes and sidecar, whether or not they can be used."""
    scan = highfield.scan
    metadata = json.dumps(scan.metadata if scan else {}, sort_keys=True)
    digest = hashlib.sha256(f'{highfield.source} {metadata}'.encode())
    if scan:
        try:
            _add_bytes(digest, scan.path)
        except OSError:
            digest.update(b'cannot be read')
    return digest.hexdigest()[:16]


def _add_bytes(digest, path) -> None:
    """Add a file to a hash, a piece at a time."""
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)


def fusion_digest(fusion: Fusion) -> str:
    """Return a short hash of all scans that were meant to be fused; none need be readable."""
    parts = []
    for task in fusion.planned:
        try:
            parts.append(f'{task.name} {input_digest(task)}')
        except OSError:
            parts.append(f'{task.name} cannot be read')
    return hashlib.sha256('\n'.join(parts).encode()).hexdigest()[:16]


def software_versions() -> dict[str, str]:
    """Return the versions of everything that may change a result."""
    versions = {'ulfprep': __version__, 'python': platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def provenance(task: Task, settings: Settings) -> dict:
    """Return what made a scan's derivatives: settings, seed, versions, input.

    No dates, times or paths of this machine: the same run gives the same bytes.
    """
    return {
        'settings': relevant_settings(settings),
        'settings_hash': settings.digest(),
        'seed': settings.random_seed,
        'versions': software_versions(),
        'input_digest': input_digest(task),
    }
