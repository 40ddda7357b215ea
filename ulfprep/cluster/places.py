"""Where the scripts find on the host what ulfprep was told of, in a container or not."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

#: Apptainer's and Singularity's variables: the image, and what is bound into it.
IMAGE = ('APPTAINER_CONTAINER', 'SINGULARITY_CONTAINER')
BINDS = ('APPTAINER_BIND', 'SINGULARITY_BIND')
#: What the kernel tells of the mounts of a process.
MOUNTS = Path('/proc/self/mountinfo')


class PlaceError(ValueError):
    """A path that tasks cannot be given."""


@dataclass(frozen=True)
class Mount:
    """A folder that is mounted.

    Attributes
    ----------
    target : str
        Where it is.
    root : str
        Which folder of its file system it is.
    kind : str
        Of its file system.
    """

    target: str
    root: str
    kind: str

    @property
    def of_container(self) -> bool:
        """Whether it is the container's own, and gone with it."""
        return self.target == '/' or (self.kind == 'tmpfs' and self.root == self.target)

    @property
    def in_place(self) -> bool:
        """Whether it may have the same path on the host.

        There its path ends with that in its file system.
        """
        return self.root == '/' or self.target.endswith(self.root)


@dataclass(frozen=True)
class Places:
    """Paths inside and outside of the container that this process runs in, if any.

    Attributes
    ----------
    image : str
        On the host; empty outside of a container.
    binds : tuple of (str, str)
        Folders of the host, and where they are in the container, as far as that is told.
    mounts : tuple of Mount
    """

    image: str = ''
    binds: tuple[tuple[str, str], ...] = ()
    mounts: tuple[Mount, ...] = ()

    @classmethod
    def of(cls, environment: Mapping[str, str], mounts: str = '') -> 'Places':
        """Return the places of a process.

        Parameters
        ----------
        environment : mapping of str to str
        mounts : str
            Content of :data:`MOUNTS`.
        """
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
    mounts = []
    for line in text.splitlines():
        fields, _, rest = line.partition(' - ')
        words = fields.split(' ')
        if len(words) > 4 and rest:
            mounts.append(Mount(_plain(words[4]), _plain(words[3]), rest.split(' ')[0]))
    return tuple(mounts)


def _plain(text: str) -> str:
    r"""Return a path as it is; the kernel writes a space as ``\040``."""
    found = re.sub(rb'\\([0-7]{3})', lambda m: bytes([int(m[1], 8)]), text.encode())
    return found.decode(errors='surrogateescape')


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
