"""Where scripts find on the host what the settings name, and what a container is given of it."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ulfprep.bids.names import sidecar_of
from ulfprep.settings import Settings

#: Apptainer's and Singularity's variables: the image, and what is bound into it.
IMAGE = ('APPTAINER_CONTAINER', 'SINGULARITY_CONTAINER')
BINDS = ('APPTAINER_BIND', 'SINGULARITY_BIND')
#: What the kernel tells of the mounts of a process.
MOUNTS = Path('/proc/self/mountinfo')


class PlaceError(ValueError):
    """A path that tasks cannot be given."""


@dataclass(frozen=True)
class Mount:
    """A folder that is mounted."""

    target: str  #: where it is
    root: str  #: which folder of its file system it is
    kind: str  #: of its file system

    @property
    def of_container(self) -> bool:
        """Whether it is the container's own, and gone with it."""
        return self.target == '/' or (self.kind == 'tmpfs' and self.root == self.target)

    @property
    def in_place(self) -> bool:
        """Whether it may have the same path on the host, which ends with that in its system."""
        return self.root == '/' or self.target.endswith(self.root)


@dataclass(frozen=True)
class Places:
    """Paths inside and outside of the container that this process runs in, if any."""

    image: str = ''  #: on the host; empty outside of a container
    #: Folders of the host, and where they are in the container, as far as that is told.
    binds: tuple[tuple[str, str], ...] = ()
    mounts: tuple[Mount, ...] = ()

    @classmethod
    def of(cls, environment: Mapping[str, str], mounts: str = '') -> 'Places':
        """Return the places of a process, by its environment and its :data:`MOUNTS`."""
        image = next((environment[name] for name in IMAGE if environment.get(name)), '')
        if not image:
            return cls()
        text = next((environment[name] for name in BINDS if environment.get(name)), '')
        return cls(image, parse_binds(text), parse_mounts(mounts))

    def on_host(self, path: Path | str) -> str:
        """Return where a path of this process is on the host.

        Apptainer (1.4) tells a container what was bound where in it, and not from where. So
        a folder must be bound at its own path, unless the variable tells both.

        Raises
        ------
        PlaceError
            Where it is in no folder of the host, or in one that is elsewhere there.
        """
        path = PurePosixPath(path)
        found = [bind for bind in self.binds if path.is_relative_to(bind[1])]
        if found:
            source, target = max(found, key=lambda bind: len(PurePosixPath(bind[1]).parts))
            return str(PurePosixPath(source) / path.relative_to(target))
        if not self.image:
            return str(path)
        # Of mounts at one place the last is seen.
        above = [mount for mount in self.mounts if path.is_relative_to(mount.target)]
        mount = max(reversed(above), key=lambda one: len(one.target), default=None)
        if mount is None or mount.of_container:
            raise PlaceError(
                f'{path}: is in the container alone, where no task finds it; bind a folder of '
                'the host at its own path, such as -B /scratch/study'
            )
        if not mount.in_place:
            raise PlaceError(
                f'{path}: was bound from another path of the host, which is not told here; bind '
                'it at its own path, such as -B /scratch/study, and name it by that'
            )
        return str(path)


def parse_binds(text: str) -> tuple[tuple[str, str], ...]:
    """Return pairs of host and container from a variable such as ``/a:/b,/c:/d:ro``.

    An entry of one path may be that of the host or that of the container, and says nothing.
    """
    pairs = []
    for entry in text.split(','):
        source, _, rest = entry.partition(':')
        target = rest.partition(':')[0]
        if source.startswith('/') and target.startswith('/'):
            pairs.append((source, target))
    return tuple(pairs)


def parse_mounts(text: str) -> tuple[Mount, ...]:
    """Return the mounts that the kernel tells of."""

    def plain(word: str) -> str:  # the kernel writes a space as \040
        found = re.sub(rb'\\([0-7]{3})', lambda m: bytes([int(m[1], 8)]), word.encode())
        return found.decode(errors='surrogateescape')

    mounts = []
    for line in text.splitlines():
        fields, _, rest = line.partition(' - ')
        words = fields.split(' ')
        if len(words) > 4 and rest:
            mounts.append(Mount(plain(words[4]), plain(words[3]), rest.split(' ')[0]))
    return tuple(mounts)


def bind(source: str, target: str, read_only: bool = True) -> str:
    """Return the words of a bind.

    Raises
    ------
    PlaceError
        Where a path has a character that means something in them.
    """
    for path in (source, target):
        if set(path) & {',', ':', '"', '\\', '\n'}:
            raise PlaceError(
                f'{path}: a container cannot be given a path with comma, colon, quotation mark or '
                'backslash in it; rename it'
            )
    return f'{source}:{target}{":ro" * read_only}'


def binds_of(settings: Settings, places: Places, images: Iterable[Path] = ()) -> tuple[str, ...]:
    """Return what tasks and the group level bind; inputs are read-only.

    Where images of scans are links that lead out of the dataset, so is the folder that they lead
    to.
    """
    reading = [settings.bids_dir, *_named_inputs(settings), *led_to(settings.bids_dir, images)]
    writing = filter(None, (settings.output_dir, settings.simulate_as_bids))
    only_read = dict.fromkeys(reading, True) | dict.fromkeys(writing, False)
    # Folders before what lies in them, which a later bind would hide: the output may be in the
    # dataset's ``derivatives``, the dataset in the output's ``sourcedata``.
    order = sorted(only_read, key=lambda path: len(path.parts))
    return tuple(bind(places.on_host(path), str(path), only_read[path]) for path in order)


def _named_inputs(settings: Settings) -> list[Path]:
    """Return the files and folders, beside the dataset, that the settings name to be read."""
    found = [*settings.derivatives, settings.brain_mask, settings.target_like, settings.use_plugin]
    if isinstance(settings.reference, Path):
        found.append(settings.reference)
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
