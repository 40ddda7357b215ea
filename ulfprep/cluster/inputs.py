"""What a container has to be given: every folder and file that the settings name."""

import os
from collections.abc import Iterable
from pathlib import Path

from ulfprep.bids.names import sidecar_of
from ulfprep.cluster.places import Places, bind
from ulfprep.settings import Settings


def binds_of(settings: Settings, places: Places, images: Iterable[Path] = ()) -> tuple[str, ...]:
    """Return what tasks and the group level bind; inputs are read-only.

    Parameters
    ----------
    settings : Settings
    places : Places
    images : iterable of Path
        Of the scans. Where they are links that lead out of the dataset, the folder that holds
        what they lead to is bound too.

    Raises
    ------
    PlaceError
    """
    reading = [settings.bids_dir, *named_inputs(settings), *led_to(settings.bids_dir, images)]
    writing = [settings.output_dir]
    if settings.simulate_as_bids:
        writing.append(settings.simulate_as_bids)
    only_read = dict.fromkeys(reading, True) | dict.fromkeys(writing, False)
    # Folders before what lies in them, which a later bind would hide: the output may be in the
    # dataset's ``derivatives``, the dataset in the output's ``sourcedata``.
    order = sorted(only_read, key=lambda path: len(path.parts))
    return tuple(bind(places.on_host(path), str(path), only_read[path]) for path in order)


def named_inputs(settings: Settings) -> list[Path]:
    """Return the files and folders, beside the dataset, that the settings name to be read."""
    found = [*settings.derivatives, settings.brain_mask, settings.target_like, settings.use_plugin]
    if settings.reference not in ('none', 'auto'):
        found.append(Path(settings.reference))
    if settings.target_like:
        found.append(sidecar_of(settings.target_like))
    return [path for path in found if path is not None and path.exists()]


def led_to(bids_dir: Path, images: Iterable[Path]) -> list[Path]:
    """Return the folder outside of a dataset that links of its images lead to, if they do."""
    outside = {path.resolve().parent for path in images if path.is_symlink()}
    outside = {path for path in outside if not path.is_relative_to(bids_dir)}
    if not outside:
        return []
    common = Path(os.path.commonpath(outside))
    return sorted(outside) if common == Path('/') else [common]
