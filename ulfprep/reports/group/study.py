"""All scans of a study beside each other: verdicts, groups, and what is unlike the others."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ulfprep.bids.store.outcomes import FINISHED, Outcome, find_outcomes
from ulfprep.bids.write.table import GROUP, IDENTITY, VERDICT, group_column, identity_cells
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
    """A metric of a scan that lies outside of the fence of comparable scans.

    ``worse`` tells whether on the side that speaks against the scan; None where no side does.
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

    Attributes
    ----------
    outcomes : dict of str to Outcome
        Finished scans by name, in natural order.
    scans : pandas.DataFrame
        A row a finished scan, by name: ``subject``, :data:`KIND`, ``verdict`` (level),
        ``reasons`` (tuple of str) and ``rank`` (of :data:`RANKS`).
    metrics : pandas.DataFrame
        The same rows, a column a metric; NaN where there is no number.
    unusual : dict of str to list of Unusual
        Of each finished scan, the farthest first.
    fences : dict
        Values of :data:`KIND` -> metric -> between what comparable scans usually lie.
    unfinished : list of Outcome
        Failed and missing scans.
    problems : list of str
        A line for every QC file that cannot be read.
    group_by : str
        Column of participants.tsv; empty without.
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
    import numpy as np
    import pandas as pd

    found, problems = find_outcomes(output_dir)
    done = {one.name: one for one in found if one.status == FINISHED}
    verdicts = [_verdict(one) for one in done.values()]
    scans = pd.DataFrame(
        {
            'subject': [one.subject for one in done.values()],
            'modality': [one.modality for one in done.values()],
            'direction': [one.record.direction for one in done.values()],
            'settings': [one.record.settings_hash for one in done.values()],
            'group': [
                '' if groups is None else groups.get(one.subject, 'n/a') for one in done.values()
            ],
            'verdict': [verdict.level for verdict in verdicts],
            'reasons': [verdict.reasons for verdict in verdicts],
        },
        index=list(done),
    )
    metrics = pd.DataFrame(
        [one.record.metrics for one in done.values()],
        index=list(done),
        columns=list(all_metrics()),
        dtype=float,
    )
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
    """Return each hash of settings, its number of scans, and what sets it apart.

    Only settings that are not the same in all of them are named.
    """
    settings = {
        one.record.settings_hash: {
            **one.record.settings,
            'ulfprep': one.record.versions.get('ulfprep'),
        }
        for one in study.outcomes.values()
    }
    names = sorted({name for found in settings.values() for name in found})
    apart = [
        name
        for name in names
        if len({str(found.get(name, 'not set')) for found in settings.values()}) > 1
    ]
    return [
        (code, count, [f'{name} = {settings[code].get(name, "not set")}' for name in apart])
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
