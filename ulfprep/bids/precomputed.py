"""What other software made of a scan and need not be made again: masks, tissues, bias."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

#: The pieces, in words.
WORDS = {'mask': 'brain mask', 'tissues': 'tissues', 'corrected': 'bias field'}


class DerivativesError(ValueError):
    """No folder of ``--derivatives`` is of use; the message names it and the way out."""


class BadDerivativeError(ValueError):
    """What belongs to a scan cannot be taken; the message names the file and the way out."""


@dataclass(frozen=True)
class Piece:
    """One thing that other software made of a scan.

    Attributes
    ----------
    what : {'mask', 'tissues', 'corrected'}
    paths : tuple of Path
        One file; for tissues one of labels, or the shares of CSF, GM, WM.
    sources : tuple of str
        Their BIDS URIs.
    numbers : tuple of int
        Labels of CSF, GM, WM in a file that follows BIDS; empty for shares and for FreeSurfer's.
    """

    what: str
    paths: tuple[Path, ...]
    sources: tuple[str, ...]
    numbers: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """What it is called in sentences: its files, and the dataset they are from."""
        dataset = self.sources[0].split(':')[1]
        files = self.paths[0].name
        if len(self.paths) > 1:
            files += f' and {len(self.paths) - 1} more'
        # FreeSurfer's files are called the same for everybody.
        if self.paths[0].parent.name == 'mri':
            files = f'{self.paths[0].parent.parent.name}/mri/{files}'
        return f'{files} of {dataset}'


@dataclass(frozen=True)
class Precomputed:
    """Everything that is taken for a scan instead of being computed.

    Attributes
    ----------
    mask, tissues, corrected : Piece or None
        ``corrected`` is the image without bias; the scan is divided by the field between both.
    notes : tuple of str
        What was taken and what not, a sentence each.
    problem : str
        Why what was found cannot be taken; empty if it can.
    """

    mask: Piece | None = None
    tissues: Piece | None = None
    corrected: Piece | None = None
    notes: tuple[str, ...] = ()
    problem: str = ''

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """All that is taken."""
        return tuple(filter(None, (self.mask, self.tissues, self.corrected)))

    @property
    def paths(self) -> tuple[Path, ...]:
        """Their files, for the digest of the input."""
        return tuple(path for piece in self.pieces for path in piece.paths)

    @property
    def key(self) -> str:
        """What of them the bytes do not say: which is what, and how labels are read."""
        return json.dumps([[piece.what, len(piece.paths), piece.numbers] for piece in self.pieces])

    def sources_of(self, key: str) -> list[str]:
        """Return the BIDS URIs of what a derivative (by its key) was made from."""
        needs = {'brain_mask': ('mask',), 'preproc': ('mask', 'corrected')}
        wanted = needs.get(key, ('mask', 'tissues', 'corrected'))
        return [uri for piece in self.pieces if piece.what in wanted for uri in piece.sources]

    @property
    def in_words(self) -> str:
        """What is taken and from where, for the log."""
        if self.problem:
            return f'cannot be used: {self.problem}'
        taken = ', '.join(f'{WORDS[piece.what]} ({piece.name})' for piece in self.pieces)
        return taken or ' '.join(['nothing;', *self.notes])

    def without_corrected(self) -> 'Precomputed':
        """Return the same where the image without bias was of no use."""
        return dataclasses.replace(self, corrected=None)


def dataset_names(folders: tuple[Path, ...]) -> dict[str, Path]:
    """Return a name for each folder of derivatives, for BIDS URIs: no two alike, none ``raw``."""
    names: dict[str, Path] = {}
    for folder in folders:
        plain = ''.join(c if c.isalnum() or c in '-_.' else '-' for c in folder.name)
        stem, number = plain or 'derivatives', 1
        name = stem
        while name in names or name == 'raw':
            number += 1
            name = f'{stem}-{number}'
        names[name] = folder
    return names


def uri(name: str, folder: Path, path: Path) -> str:
    """Return the BIDS URI of a file of a named dataset."""
    return f'bids:{name}:{quote(path.relative_to(folder).as_posix(), safe="/+")}'
