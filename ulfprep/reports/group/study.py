"""All scans of a study beside each other: verdicts, groups, and what is unlike the others."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ulfprep.bids.store.outcomes import FINISHED, Outcome, find_outcomes
from ulfprep.bids.tables import GROUP, IDENTITY, VERDICT, group_column, identity_cells
from ulfprep.metrics.outliers import Fence, fence
from ulfprep.metrics.registry import Metric, all_metrics
from ulfprep.record import FAILED, LOOK, USABLE
from ulfprep.reports.pages import ELSEWHERE, scan_verdict
from ulfprep.reports.values import number

if TYPE_CHECKING:
    import pandas as pd

#: Columns that make rows comparable.
KIND = ['modality', 'direction', 'settings', 'group']
#: What a scan is to the reader, from worst to best, and in words.
RANKS = {FAILED: 'failed', LOOK: 'look', 'outlier': 'unlike the others', USABLE: 'usable'}


class Unusual(NamedTuple):
    """A metric outside of the fence of comparable scans; ``worse`` is None where no side is."""

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

    @property
    def words(self) -> str:
        """Half a sentence."""
        side = {True: ' (worse)', False: ' (better)', None: ''}[self.worse]
        return (
            f'{self.metric} is {number(self.value, 3)}, unusually {self.side}{side}: '
            f'{abs(self.distance):.1f} robust s.d. from the median of '
            f'{number(self.fence.median, 3)}'
        )


@dataclass
class Study:
    """What an output folder holds.

    ``outcomes`` are finished scans by name, in natural order. ``scans`` has a row for each:
    ``subject``, :data:`KIND`, ``verdict`` (level), ``reasons`` and ``rank`` (of :data:`RANKS`);
    ``metrics`` a column a metric, NaN where there is no number. ``unusual`` has the farthest
    first; ``fences`` are the values of :data:`KIND` -> metric -> between what comparable scans
    usually lie. ``problems`` has a line for every QC file that cannot be read.
    """

    outcomes: dict[str, Outcome]
    scans: 'pd.DataFrame'
    metrics: 'pd.DataFrame'
    unfinished: list[Outcome]
    problems: list[str]
    group_by: str = ''
    unusual: dict[str, list[Unusual]] = field(default_factory=dict)
    fences: dict[tuple, dict[str, Fence]] = field(default_factory=dict)

    def alarming(self, name: str) -> list[Unusual]:
        """Return the outlying metrics of a scan but for those that lie on their better side."""
        return [one for one in self.unusual[name] if one.worse is not False]

    def reasons(self, name: str) -> list[str]:
        """Return why a scan has to be looked at: its verdict, and what else is unusual."""
        reasons = self.scans.at[name, 'reasons']
        told = named(reasons)
        return [*reasons, *(one.words for one in self.alarming(name) if one.metric not in told)]


def gather(output_dir: Path, groups: Mapping[str, str] | None = None, group_by: str = '') -> Study:
    """Return all scans of an output folder with their verdicts and what is unusual of them.

    Parameters
    ----------
    groups : mapping, optional
        Participant -> group, where scans are to be compared inside groups.
    group_by : str
        Column of participants.tsv that the groups are from.
    """
    import numpy as np
    import pandas as pd

    found, problems = find_outcomes(output_dir)
    done = {one.name: one for one in found if one.status == FINISHED}
    scans = pd.DataFrame(
        [
            (
                one.subject,
                one.modality,
                one.record.direction,
                one.record.settings_hash,
                '' if groups is None else groups.get(one.subject, 'n/a'),
                verdict.level,
                verdict.reasons,
            )
            for one, verdict in zip(done.values(), map(_verdict, done.values()), strict=True)
        ],
        index=list(done),
        columns=['subject', *KIND, 'verdict', 'reasons'],
    )
    measured = [one.record.metrics for one in done.values()]
    metrics = pd.DataFrame(measured, scans.index, list(all_metrics()), dtype=float)
    metrics = metrics.where(np.isfinite(metrics))
    unfinished = [one for one in found if one.status != FINISHED]
    study = Study(done, scans, metrics, unfinished, problems, group_by, {n: [] for n in done})
    for kind, rows in scans.groupby(KIND):
        study.fences[kind] = _mark(study, metrics.loc[rows.index])
    for unusual in study.unusual.values():
        unusual.sort(key=lambda one: -abs(one.distance))
    scans['rank'] = [
        'outlier' if level == USABLE and study.alarming(name) else level
        for name, level in scans['verdict'].items()
    ]
    return study


def _verdict(outcome):
    """Return the verdict on a finished scan, the same as in its report."""
    crashes = [f'a run of it failed as well: {outcome.reason}'] if outcome.reason else []
    missing = [name for name in outcome.missing_figures if name not in ELSEWHERE]
    return scan_verdict(outcome.record.verdict, '', crashes, missing)


def named(reasons) -> set[str]:
    """Return the metrics that reasons of a verdict begin with."""
    return {reason.partition(' is ')[0] for reason in reasons}


def rows(study: Study, modality: str) -> tuple[list[dict], dict[str, dict]]:
    """Return the rows of a modality's group table, and its columns with their descriptions."""
    columns = {**IDENTITY, **(group_column(study.group_by) if study.group_by else {})}
    columns |= {**VERDICT, **{name: one.entry() for name, one in all_metrics().items()}}
    table = []
    for name, scan in study.scans[study.scans['modality'] == modality].iterrows():
        record = study.outcomes[name].record
        table.append(
            {
                # Without its suffix, which is in the name of the table.
                'bids_name': name.rpartition('_')[0],
                **identity_cells(record),
                GROUP: scan['group'],
                'verdict': scan['verdict'],
                'reasons': '; '.join(scan['reasons']),
                'outliers': '; '.join(f'{one.metric} {one.side}' for one in study.unusual[name]),
                **{metric: record.metrics.get(metric) for metric in all_metrics()},
            }
        )
    return table, columns


def differing_settings(study: Study) -> list[tuple[str, int, list[str]]]:
    """Return each hash of settings, its number of scans, and what sets it apart."""
    settings = {
        one.record.settings_hash: one.record.settings
        | {'ulfprep': one.record.versions.get('ulfprep')}
        for one in study.outcomes.values()
    }

    def text(code, name):
        return f'{name} = {settings[code].get(name, "not set")}'

    names = sorted(set().union(*settings.values()))
    apart = [name for name in names if len({text(code, name) for code in settings}) > 1]
    return [
        (code, count, [text(code, name) for name in apart])
        for code, count in Counter(study.scans['settings']).most_common()
    ]


def _mark(study: Study, metrics: 'pd.DataFrame') -> dict[str, Fence]:
    """Note what is unusual of comparable scans; return between what each metric lies."""
    fences = {}
    for name, values in metrics.items():
        usual = fence(values)
        if usual is None:
            continue
        fences[name] = usual
        for scan, value in values[(values < usual.low) | (values > usual.high)].items():
            # What prints alike is alike, however little the others scatter.
            if number(value, 3) != number(usual.median, 3):
                worse = _is_worse(all_metrics()[name], value, usual)
                study.unusual[scan].append(Unusual(name, value, usual, worse))
    return fences


def _is_worse(metric: Metric, value: float, usual: Fence) -> bool | None:
    """Tell whether an outlier lies on the side that is worse; None where there is no such."""
    if metric.better == 'ideal':
        return abs(value - metric.ideal) > abs(usual.median - metric.ideal)
    return {'higher': value < usual.median, 'lower': value > usual.median}.get(metric.better)
