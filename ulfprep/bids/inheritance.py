"""What the JSON files of a dataset say of an image, by the inheritance principle of BIDS."""

import os
from collections.abc import Iterator
from pathlib import Path

from ulfprep.bids.errors import DatasetError
from ulfprep.bids.files import read_json
from ulfprep.bids.names import name_parts
from ulfprep.bids.not_here import not_here


class BrokenSidecarError(ValueError):
    """A JSON file cannot be read; the message names it and the way out."""


class Sidecars:
    """The JSON files of one dataset, each folder listed and each file read once.

    A file says something of an image if it lies in the folder of the image or above it, has
    the same suffix, and the image has all its entities. One inside the folder of a participant
    or session has to be named after it, as pybids and the validator want it. Of two such files
    the nearer goes first, in one folder the one with more entities.

    Parameters
    ----------
    bids_dir : Path
        Top folder of the dataset.
    """

    def __init__(self, bids_dir: Path):
        self.bids_dir = Path(bids_dir)
        self._folders: dict[Path, dict[str, list]] = {}
        self._contents: dict[Path, dict] = {}

    def metadata(self, image: Path) -> dict:
        """Return what is known of an image.

        Parameters
        ----------
        image : Path
            Below the dataset's top folder.

        Returns
        -------
        dict
            Fields that are ``null`` in the nearest file that has them are left out.

        Raises
        ------
        BrokenSidecarError
            If one of its files is not readable as a JSON object.
        DatasetError
            If that lies in the top folder, and so is not this image's alone.
        """
        found: dict = {}
        for path, in_place in self._of(image):
            if in_place:
                found.update(self._read(path))
        return {key: value for key, value in found.items() if value is not None}

    def misplaced(self, image: Path) -> list[Path]:
        """Return the files that would say something of an image, were they in their place."""
        return [path for path, in_place in self._of(image) if not in_place]

    def _of(self, image: Path) -> Iterator[tuple[Path, bool]]:
        """Yield the files with an image's suffix and entities, the nearest last."""
        entities, suffix = name_parts(image.name)
        for folder in self._levels(image.parent):
            labels = [part for part in folder.relative_to(self.bids_dir).parts if '-' in part]
            filed = name_parts('_'.join([*labels, 'x']))[0]
            own = [
                (len(said), path.name, path, filed.items() <= said.items())
                for said, path in self._listed(folder).get(suffix, ())
                if said.items() <= entities.items()
            ]
            for *_, path, in_place in sorted(own):
                yield path, in_place

    def _levels(self, folder: Path) -> list[Path]:
        """Return the folders from the dataset's top to an image's."""
        inside = folder.relative_to(self.bids_dir).parts
        return [self.bids_dir.joinpath(*inside[:depth]) for depth in range(len(inside) + 1)]

    def _listed(self, folder: Path) -> dict[str, list]:
        """Return the JSON files of a folder by their suffix, with the entities of each."""
        if folder not in self._folders:
            by_suffix: dict[str, list] = {}
            try:
                names = [name for name in os.listdir(folder) if name.endswith('.json')]
            except OSError as error:
                raise BrokenSidecarError(
                    f'{folder}: cannot be listed ({error.strerror}); check permissions'
                ) from error
            for name in sorted(names):
                if not name.startswith('.'):
                    said, suffix = name_parts(name)
                    by_suffix.setdefault(suffix, []).append((said, folder / name))
            self._folders[folder] = by_suffix
        return self._folders[folder]

    def _read(self, path: Path) -> dict:
        if path not in self._contents:
            try:
                self._contents[path] = read_sidecar(path)
            except BrokenSidecarError as error:
                if path.parent == self.bids_dir:
                    raise DatasetError(str(error)) from error
                raise
        return self._contents[path]


def read_sidecar(path: Path) -> dict:
    """Read a JSON file that must hold an object.

    Raises
    ------
    BrokenSidecarError
    """
    try:
        content = read_json(path)
    except OSError as error:
        raise BrokenSidecarError(
            not_here(path) or f'{path}: cannot be read ({error.strerror}); check permissions'
        ) from error
    except (ValueError, RecursionError) as error:
        raise BrokenSidecarError(
            not_here(path)
            or f'{path}: not readable as JSON ({" ".join(str(error).split())}); mend the file'
        ) from error
    if not isinstance(content, dict):
        raise BrokenSidecarError(f'{path}: must hold a JSON object; mend the file')
    return content
