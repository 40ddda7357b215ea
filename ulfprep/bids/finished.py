"""What a scan was made from, and whether it needs no more work."""

import dataclasses
import hashlib
import json
from pathlib import Path

from ulfprep.bids.derivatives import QC, asks_network, golden_list, path_of
from ulfprep.bids.files import read_json
from ulfprep.bids.fusion import Fusion
from ulfprep.bids.scan import Scan
from ulfprep.settings import NOT_IN_HASH, Settings


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


def is_finished(scan: Scan, settings: Settings, direction: str) -> bool:
    """Tell whether a scan needs no more work.

    It is finished if all its files are there and its QC file, which is written after the
    images, names the same settings, the same version of ulfprep and the same input.
    """
    from ulfprep import __version__

    out = settings.output_dir
    try:
        qc = read_json(out / path_of(scan, QC))
        same = (
            qc['settings_hash'] == settings.digest()
            and qc['versions']['ulfprep'] == __version__
            and qc['direction'] == direction
            and qc['input_digest'] == input_digest(scan)
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return same and not missing_files(scan, settings, direction)


def recalled(fusion: Fusion, settings: Settings) -> Fusion:
    """Return a fusion without the scans that an earlier run, the same in all, had to leave out.

    So that a finished group is known as such, and what cannot be registered is not tried again.
    No image that it makes has the name of one that an earlier run made of other scans.
    """
    from ulfprep import __version__

    fusion, digest = _kept_apart(fusion, settings), None
    for scan in (*fusion.results(), *fusion.planned):
        try:
            qc = read_json(settings.output_dir / path_of(scan, QC))
            found = qc['fusion']
            digest = digest or fusion_digest(fusion)
            if (
                qc['settings_hash'] == settings.digest()
                and qc['versions']['ulfprep'] == __version__
                and found['digest'] == digest
            ):
                return fusion.without({one['name']: one['reason'] for one in found['left_out']})
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return fusion


def _kept_apart(fusion: Fusion, settings: Settings) -> Fusion:
    """Return a fusion whose images do not replace those that were made of other scans."""
    planned = {scan.name for scan in fusion.planned}

    def of_others(scan: Scan) -> bool:
        try:
            made = read_json(settings.output_dir / path_of(scan, QC))['fusion']
            return planned.isdisjoint(one['name'] for one in made['scans'])
        except (OSError, ValueError, KeyError, TypeError):
            return False

    while found := {scan.name for scan in fusion.fused() if of_others(scan)}:
        fusion = dataclasses.replace(fusion, taken=fusion.taken | found)
    return fusion


def missing_files(scan: Scan, settings: Settings, direction: str) -> list[Path]:
    """Return those of a scan's files that are missing or empty."""
    out, network = settings.output_dir, asks_network(scan, settings)
    return [
        path
        for path in golden_list(scan, direction, settings.n_realisations, network)
        if not (out / path).is_file() or (out / path).stat().st_size == 0
    ]
