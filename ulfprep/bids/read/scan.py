"""A scan: one image of a dataset, and what its name and its sidecars say of it."""

from dataclasses import dataclass, field
from pathlib import Path

from ulfprep.note import Note


@dataclass(frozen=True)
class Scan:
    """One input image with its BIDS entities and its sidecar; nothing was decided about it.

    Attributes
    ----------
    entities : dict
        Of its name in pybids' words (``subject``, ``acquisition`` ...), as written.
    metadata : dict
        Sidecar fields, inherited from the dataset's upper levels where not given.
    stem : str
        Name without suffix, such as ``sub-01_ses-A_acq-x_run-1``.
    source : str
        BIDS URI, ``bids:raw:`` and the path inside the dataset; the bare name of a file that is
        not of the dataset.
    problem : str
        Why it cannot be used, known before its image is looked at: one line with the way out.
    remarks : tuple of Note
        What was made of the sidecar.
    """

    path: Path
    entities: dict[str, str]
    metadata: dict = field(default_factory=dict)
    stem: str = ''
    source: str = ''
    suffix: str = 'T1w'
    problem: str = ''
    remarks: tuple[Note, ...] = ()

    @property
    def name(self) -> str:
        """Name without extension, such as ``sub-01_ses-A_T1w``: unique in a dataset."""
        return f'{self.stem}_{self.suffix}'

    @property
    def subject(self) -> str:
        """Label of the participant."""
        return self.entities['subject']

    @property
    def session(self) -> str | None:
        """Label of the session, if the scan has one."""
        return self.entities.get('session')
