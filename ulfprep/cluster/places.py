"""Where the scripts find on the host what ulfprep was told of, in a container or not."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

#: Apptainer's and Singularity's variables: the image, and what is bound into it.
IMAGE = ('APPTAINER_CONTAINER', 'SINGULARITY_CONTAINER')
BINDS = ('APPTAINER_BIND', 'SINGULARITY_BIND')


class UnbindableError(ValueError):
    """A path that cannot be written in a list of binds."""


@dataclass(frozen=True)
class Places:
    """Paths inside and outside of the container that this process runs in, if any.

    Attributes
    ----------
    image : str
        On the host; empty outside of a container.
    binds : tuple of (str, str)
        Folders of the host, and where they are in the container.
    """

    image: str = ''
    binds: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> 'Places':
        """Return the places of a process with these environment variables."""
        image = next((environment[name] for name in IMAGE if environment.get(name)), '')
        text = next((environment[name] for name in BINDS if environment.get(name)), '')
        return cls(image, parse_binds(text)) if image else cls()

    def on_host(self, path: Path | str) -> str:
        """Return where a path of this process is on the host.

        What lies below no bind is taken to be at the same place there, as home, ``/tmp`` and the
        working folder are by default.
        """
        path = PurePosixPath(path)
        found = [bind for bind in self.binds if path.is_relative_to(bind[1])]
        if not found:
            return str(path)
        source, target = max(found, key=lambda bind: len(PurePosixPath(bind[1]).parts))
        return str(PurePosixPath(source) / path.relative_to(target))


def parse_binds(text: str) -> tuple[tuple[str, str], ...]:
    """Return the binds of a variable: ``/a,/b:/c,/d:/e:ro`` -> pairs of host and container."""
    pairs = []
    for entry in filter(None, text.split(',')):
        source, _, rest = entry.partition(':')
        target = rest.partition(':')[0] or source
        # Options of their own (``ro``) follow a comma in some versions' variable.
        if source.startswith('/') and target.startswith('/'):
            pairs.append((source, target))
    return tuple(pairs)


def bind(source: str, target: str, read_only: bool = True) -> str:
    """Return the words of a bind.

    Raises
    ------
    UnbindableError
        Where a path has a character that means something in them.
    """
    for path in (source, target):
        if set(path) & {',', ':', '"', '\\', '\n'}:
            raise UnbindableError(
                f'{path}: a container cannot be given a path with comma, colon, quotation mark or '
                'backslash in it; rename it'
            )
    return f'{source}:{target}{":ro" * read_only}'
