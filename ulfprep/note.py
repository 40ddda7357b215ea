"""What was found or decided, in sentences for people: one word for it in logs, files and pages."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

#: A warning speaks against a scan: look before you believe.
LEVELS = INFO, WARNING = ('info', 'warning')


@dataclass(frozen=True)
class Note:
    """A sentence and how much it weighs."""

    text: str
    level: str = INFO  #: one of :data:`LEVELS`

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f'unknown level {self.level!r}')

    def __str__(self) -> str:
        return f'Warning: {self.text}' if self.level == WARNING else self.text

    def about(self, what: str) -> 'Note':
        """Return the note as said of something else than the scan."""
        return replace(self, text=f'of {what}: {self.text}')


def warning(text: str) -> Note:
    """Return a note that speaks against a scan."""
    return Note(text, WARNING)


def warnings_in(notes: Iterable[Note]) -> list[Note]:
    """Return those of some notes that speak against a scan."""
    return [note for note in notes if note.level == WARNING]
