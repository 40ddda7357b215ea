"""The settings of one run: plain data that every room may read and none may change."""

import dataclasses
import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

#: Settings that change how a run is carried out but never a voxel of its results.
NOT_IN_HASH = frozenset(
    {
        'bids_dir',
        'output_dir',
        'analysis_level',
        'participant_label',
        'session_label',
        'nprocs',
        'omp_nthreads',
        'work_dir',
        'verbose',
    }
)


@dataclass(frozen=True)
class Settings:
    """Everything a run was asked to do.

    Attributes
    ----------
    bids_dir, output_dir, work_dir : Path
        Input dataset, derivatives dataset, scratch folder.
    analysis_level : str
        ``participant`` or ``group``.
    participant_label, session_label : tuple of str
        Labels without ``sub-`` and ``ses-``; empty means all.
    target_field : float or None
        Field strength to synthesise, tesla. ``None`` chooses by the scan: 3 T for a
        scan under 0.3 T, 0.064 T for any other.
    source_field : float or None
        Field strength of the scans, tesla, where their sidecars do not say.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    nprocs : int
        Processes (scans) and threads that may be used in all.
    omp_nthreads : int
        Threads one process may use.
    random_seed : int
        Seed of every random number drawn.
    sloppy : bool
        Poor but fast settings, for trying things out and for tests.
    segmentation : str
        ``auto``, ``fast`` (FSL FAST) or ``embedded`` (HMRF-EM).
    verbose : int
        How often ``-v`` was given.
    """

    bids_dir: Path
    output_dir: Path
    analysis_level: str = 'participant'
    participant_label: tuple[str, ...] = ()
    session_label: tuple[str, ...] = ()
    target_field: float | None = None
    source_field: float | None = None
    device: str = 'auto'
    nprocs: int = 1
    omp_nthreads: int = 1
    work_dir: Path = Path('work')
    random_seed: int = 20250101
    sloppy: bool = False
    segmentation: str = 'auto'
    verbose: int = 0

    def to_dict(self) -> dict:
        """Return the settings as JSON- and TOML-ready values (``None`` left out)."""
        out = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None:
                continue
            if isinstance(value, Path):
                value = str(value)
            out[field.name] = list(value) if isinstance(value, tuple) else value
        return out

    def to_toml(self) -> str:
        """Return the settings as a TOML document that :meth:`from_toml` reads back."""
        # Every value is a string, number, bool or list of strings, and for those the
        # JSON spelling is TOML's too.
        lines = [
            f'{key} = {json.dumps(value, ensure_ascii=False)}'
            for key, value in self.to_dict().items()
        ]
        return '\n'.join(lines) + '\n'

    @classmethod
    def from_toml(cls, text: str) -> 'Settings':
        """Build settings from the text that :meth:`to_toml` wrote."""
        values = tomllib.loads(text)
        unknown = set(values) - {field.name for field in dataclasses.fields(cls)}
        if unknown:
            raise ValueError(f'unknown settings: {", ".join(sorted(unknown))}')
        for key in ('bids_dir', 'output_dir', 'work_dir'):
            if key in values:
                values[key] = Path(values[key])
        for key in ('participant_label', 'session_label'):
            if key in values:
                values[key] = tuple(values[key])
        return cls(**values)

    def digest(self) -> str:
        """Return a short hash of the settings that can change a result."""
        relevant = {k: v for k, v in self.to_dict().items() if k not in NOT_IN_HASH}
        return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()[:12]
