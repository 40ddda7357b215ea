"""What is given of a scan, by the user or by other software, and need not be computed."""

import json
from dataclasses import dataclass
from pathlib import Path

from ulfprep.note import Note

#: What can be given, in words.
WORDS = {'mask': 'brain mask', 'tissues': 'tissues', 'corrected': 'bias field'}


@dataclass(frozen=True)
class Piece:
    """One thing that was made of a scan before: ``mask``, ``tissues`` or ``corrected``.

    ``paths`` is one file, or the shares of CSF, GM and WM; ``sources`` their BIDS URIs, empty for
    the user's own mask (``--brain-mask``); ``numbers`` the labels of CSF, GM, WM in a file that
    follows BIDS, empty for shares and for FreeSurfer's; ``how`` the user's own mask was found, in
    words.
    """

    what: str
    paths: tuple[Path, ...]
    sources: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    how: str = ''

    @property
    def option(self) -> str:
        """The option that gave it."""
        return '--derivatives' if self.sources else '--brain-mask'

    @property
    def name(self) -> str:
        """What it is called in sentences: its files, and the dataset they are from."""
        files = self.paths[0].name
        if not self.sources:
            return files
        if len(self.paths) > 1:
            files += f' and {len(self.paths) - 1} more'
        # FreeSurfer's files are called the same for everybody.
        if self.paths[0].parent.name == 'mri':
            files = f'{self.paths[0].parent.parent.name}/mri/{files}'
        return f'{files} of {self.sources[0].split(":")[1]}'

    @property
    def note(self) -> str:
        """Where a mask is from, a sentence."""
        how = f', {self.how}' if self.how else f' ({self.option})'
        return f'Brain mask, brought onto the grid of the scan: {self.name}{how}.'


@dataclass(frozen=True)
class Given:
    """Everything of a scan that is not computed, because the user or other software made it.

    ``corrected`` is the image without bias; the scan is divided by the field between both.
    ``notes`` say what was taken and what not.
    """

    mask: Piece | None = None
    tissues: Piece | None = None
    corrected: Piece | None = None
    notes: tuple[Note, ...] = ()

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """All that is taken."""
        return tuple(filter(None, (self.mask, self.tissues, self.corrected)))

    @property
    def derived(self) -> tuple[Piece, ...]:
        """What of it is from ``--derivatives``."""
        return tuple(piece for piece in self.pieces if piece.sources)

    @property
    def key(self) -> str:
        """What of ``derived`` the bytes do not say: which is what, and how labels are read."""
        return json.dumps(
            [[piece.what, len(piece.paths), piece.numbers] for piece in self.derived]
        )

    def sources_of(self, key: str) -> list[str]:
        """Return the BIDS URIs of what a derivative (by its key) was made from."""
        needs = {'brain_mask': ('mask',), 'preproc': ('mask', 'corrected')}
        wanted = needs.get(key, tuple(WORDS))
        return [uri for piece in self.pieces if piece.what in wanted for uri in piece.sources]

    @property
    def in_words(self) -> str:
        """What is taken of ``--derivatives`` and from where, for the log."""
        taken = ', '.join(f'{WORDS[piece.what]} ({piece.name})' for piece in self.derived)
        return taken or ' '.join(['nothing;', *map(str, self.notes)])
