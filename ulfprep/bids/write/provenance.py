"""What a scan's results were made from: settings, software, seed, and the bytes of its input."""

import hashlib
import json
import platform
from importlib.metadata import PackageNotFoundError, version

from ulfprep import __version__
from ulfprep.bids.read.scan import Fusion, Scan
from ulfprep.settings import NOT_IN_HASH, Settings

#: Packages whose version may change a result.
PACKAGES = ('numpy', 'scipy', 'nibabel', 'SimpleITK', 'torch', 'deepbet', 'nipype', 'nilearn')


def relevant_settings(settings: Settings) -> dict:
    """Return the settings that can change a result (no paths, no resources)."""
    return {k: v for k, v in settings.to_dict().items() if k not in NOT_IN_HASH}


def input_digest(scan: Scan) -> str:
    """Return a short hash of the scan's bytes and metadata, and of its mask where one is given.

    What is taken of other software is in it, too, and so is the image that the scan is measured
    against. Of a scan that is fitted with others it is a
    hash of them all.

    Raises
    ------
    OSError
        If a file cannot be read.
    """
    if scan.is_fused:
        return fusion_digest(scan.fusion)
    digest = hashlib.sha256(json.dumps(scan.metadata, sort_keys=True).encode())
    given = scan.precomputed
    if given and given.pieces:
        digest.update(given.key.encode())
    if scan.highfield:
        digest.update(scan.highfield.digest().encode())
    files = (scan.path, scan.mask, *(given.paths if given else ()))
    for path in filter(None, dict.fromkeys(files)):
        with open(path, 'rb') as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:16]


def fusion_digest(fusion: Fusion) -> str:
    """Return a short hash of all scans that were meant to be fused; none need be readable."""
    parts = []
    for scan in fusion.planned:
        try:
            parts.append(f'{scan.name} {input_digest(scan)}')
        except OSError:
            parts.append(f'{scan.name} cannot be read')
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


def provenance(scan: Scan, settings: Settings) -> dict:
    """Return what made a scan's derivatives: settings, seed, versions, input.

    No dates, times or paths of this machine: the same run gives the same bytes.
    """
    return {
        'settings': relevant_settings(settings),
        'settings_hash': settings.digest(),
        'seed': settings.random_seed,
        'versions': software_versions(),
        'input_digest': input_digest(scan),
    }
