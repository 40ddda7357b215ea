"""All scans of a study beside each other: verdicts, groups, and what is unlike the others."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

from ulfprep.bids.store.outcomes import FINISHED, Outcome, find_outcomes
from ulfprep.bids.write.table import GROUP, IDENTITY, VERDICT, group_column, identity_cells
from ulfprep.metrics.dictionary import METRICS
from ulfprep.metrics.outliers import Fence, fence
from ulfprep.metrics.verdict import Verdict
from ulfprep.reports.judgement import scan_verdict
from ulfprep.reports.sections import ELSEWHERE
from ulfprep.reports.values import number
from ulfprep.settings import MODALITIES

#: What makes rows comparable: modality, direction, hash of the settings, group.
Kind = tuple[str, str, str, str]


@dataclass(frozen=True)
class Unusual:
    """A metric of a scan that lies far from those of comparable scans.

    Attributes
    ----------
    metric : str
    value : float
    fence : Fence
        Between what the others lie.
    worse : bool or None
        Whether it lies on the side that speaks against the scan; None where no side does.
    """

    metric: str
    value: float
    fence: Fence
    worse: bool | None

    @property
    def distance(self) -> float:
        """Robust standard deviations above (below: negative) the median."""
        return self.fence.distance(self.value)

    @property
    def side(self) -> str:
        """``high`` or ``low``."""
        return 'high' if self.distance > 0 else 'low'


@dataclass
class StudyScan:
    """A finished scan among the others.

    Attributes
    ----------
    outcome : Outcome
    verdict : Verdict
    group : str
        Of its participant; empty where there are no groups.
    unusual : list of Unusual
        The farthest first.
    """

    outcome: Outcome
    verdict: Verdict
    group: str = ''
    unusual: list[Unusual] = field(default_factory=list)

    @property
    def kind(self) -> Kind:
        """What it is comparable with."""
        qc = self.outcome.qc
        return self.outcome.modality, qc['direction'], qc['settings_hash'], self.group

    @property
    def alarming(self) -> list[Unusual]:
        """Outlying metrics but for those that lie on their better side."""
        return [one for one in self.unusual if one.worse is not False]

    def metric(self, name: str) -> float | None:
        """Return a metric, None where it is missing, null or no number."""
        value = self.outcome.qc['metrics'].get(name)
        return value if _is_number(value) else None


@dataclass
class Study:
    """What an output folder holds.

    Attributes
    ----------
    scans : list of StudyScan
        Finished ones, in natural order.
    unfinished : list of Outcome
        Failed and missing ones.
    problems : list of str
        A line for every QC file that cannot be read.
    fences : dict
        Comparable rows -> metric -> between what they usually lie.
    group_by : str
        Column of participants.tsv; empty without.
    """

    scans: list[StudyScan]
    unfinished: list[Outcome]
    problems: list[str]
    fences: dict[Kind, dict[str, Fence]]
    group_by: str = ''

    def kinds(self) -> dict[Kind, list[StudyScan]]:
        """Return the scans by what is comparable, kinds in the order of modalities."""
        found: dict[Kind, list[StudyScan]] = {}
        for scan in self.scans:
            found.setdefault(scan.kind, []).append(scan)
        return dict(sorted(found.items(), key=lambda pair: _order(pair[0])))


def gather(output_dir: Path, groups: Mapping[str, str] | None = None, group_by: str = '') -> Study:
    """Return all scans of an output folder with their verdicts and what is unusual of them.

    Parameters
    ----------
    output_dir : Path
    groups : mapping, optional
        Participant -> group, where scans are to be compared inside groups.
    group_by : str
        Where the groups are from.
    """
    outcomes, problems = find_outcomes(output_dir)
    scans = [
        StudyScan(
            one,
            verdict_of(one),
            (groups.get(one.subject, 'n/a')) if groups is not None else '',
        )
        for one in outcomes
        if one.status == FINISHED
    ]
    unfinished = [one for one in outcomes if one.status != FINISHED]
    study = Study(scans, unfinished, problems, {}, group_by)
    for kind, alike in study.kinds().items():
        study.fences[kind] = _mark(alike)
    return study


def verdict_of(outcome: Outcome) -> Verdict:
    """Return the verdict on a finished scan, the same as in its report."""
    crashes = [f'a run of it failed as well: {outcome.reason}'] if outcome.reason else []
    missing = [name for name in outcome.missing_figures if name not in ELSEWHERE]
    numbers = {name: value for name, value in outcome.qc['metrics'].items() if _is_number(value)}
    return scan_verdict(outcome.qc | {'metrics': numbers}, crashes=crashes, missing=missing)


def rows(study: Study, modality: str) -> tuple[list[dict], dict[str, dict]]:
    """Return the rows of a modality's group table, and its columns with their descriptions."""
    columns = {**IDENTITY, **(group_column(study.group_by) if study.group_by else {})}
    columns |= {**VERDICT, **METRICS}
    table = []
    for scan in study.scans:
        if scan.outcome.modality != modality:
            continue
        record = scan.outcome.qc
        table.append(
            {
                # Without its suffix, which is in the name of the table.
                'bids_name': scan.outcome.name.rpartition('_')[0],
                **identity_cells(record),
                GROUP: scan.group,
                'verdict': scan.verdict.level,
                'reasons': '; '.join(scan.verdict.reasons),
                'outliers': '; '.join(f'{one.metric} {one.side}' for one in scan.unusual),
                **{name: record['metrics'].get(name) for name in METRICS},
            }
        )
    return table, columns


def differing_settings(study: Study) -> list[tuple[str, int, list[str]]]:
    """Return each hash of settings, its number of scans, and what sets it apart.

    Only settings that are not the same in all of them are named.
    """
    counts = Counter(scan.outcome.qc['settings_hash'] for scan in study.scans)
    settings = {
        scan.outcome.qc['settings_hash']: {
            **(scan.outcome.qc.get('settings') or {}),
            'ulfprep': (scan.outcome.qc.get('versions') or {}).get('ulfprep'),
        }
        for scan in study.scans
    }
    names = sorted({name for found in settings.values() for name in found})
    apart = [
        name
        for name in names
        if len({str(found.get(name, 'not set')) for found in settings.values()}) > 1
    ]
    return [
        (code, count, [f'{name} = {settings[code].get(name, "not set")}' for name in apart])
        for code, count in counts.most_common()
    ]


def _mark(scans: list[StudyScan]) -> dict[str, Fence]:
    """Note what is unusual of comparable scans; return between what each metric lies."""
    fences = {}
    for name, entry in METRICS.items():
        values = [(scan, scan.metric(name)) for scan in scans]
        values = [(scan, value) for scan, value in values if value is not None]
        usual = fence([value for _, value in values])
        if usual is None:
            continue
        fences[name] = usual
        for scan, value in values:
            # What prints alike is alike, however little the others scatter.
            alike = number(value, 3) == number(usual.median, 3)
            if not (alike or usual.low <= value <= usual.high):
                scan.unusual.append(Unusual(name, value, usual, _is_worse(entry, value, usual)))
    for scan in scans:
        scan.unusual.sort(key=lambda one: -abs(one.distance))
    return fences


def _is_worse(entry: Mapping, value: float, usual: Fence) -> bool | None:
    """Tell whether an outlier lies on the side that is worse; None where there is no such."""
    better = entry.get('Better', 'none')
    if better == 'ideal' and 'Ideal' in entry:
        return abs(value - entry['Ideal']) > abs(usual.median - entry['Ideal'])
    return {'higher': value < usual.median, 'lower': value > usual.median}.get(better)


def _is_number(value) -> bool:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return plain and isfinite(value)


def _order(kind: Kind) -> tuple:
    modality, *rest = kind
    place = MODALITIES.index(modality) if modality in MODALITIES else len(MODALITIES)
    return place, *rest
