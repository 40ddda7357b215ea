"""The tables as documents: means, ulfprep against each baseline, volumes, wins and losses.

What may be said of scores of few brains is by statsmodels.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import gammaln
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW

from ulfprep.evaluation.enhancers import DEFAULT, parse_method
from ulfprep.evaluation.publish import as_text, markdown, registry, write_lines, write_table
from ulfprep.evaluation.score import NAMES

#: Half width of the limits of agreement, standard deviations.
LIMITS = 1.96
#: Source of the volumes that all others are held against.
HIGH_FIELD = 'high field'
#: Scores of the reference's paper, and those that are ours.
THEIRS = ['contrast', 'contrast_error', 'contrast_of_bicubic', 'edge_f1', 'edge_f1_of_bicubic']
THEIRS += ['edge_f1_1voxel', 'edge_f1_unfitted', 'edge_f1_unfitted_of_bicubic', 'ssim', 'psnr']
THEIRS += ['lpips', 'mlc', 'mslc']
DICES = [f'dice_{tissue}' for tissue in NAMES]
OURS = ['cnr', *DICES, *(f'own_{name}' for name in DICES)]
OURS += [f'volume_error_{tissue}' for tissue in NAMES]
OURS += ['residual_rms', 'within_1_sd', 'within_1.96_sd', 'passes', 'cpu', 'memory']
#: Scores that ulfprep is held against the best baseline in, and against each baseline.
JUDGED = ['contrast_error', 'edge_f1', 'dice_mean', *DICES, 'cnr', 'psnr', 'ssim', 'lpips']
JUDGED += ['mslc_gap', 'mlc_gap']
COMPARED = ['contrast_error', 'edge_f1', 'dice_mean', *DICES, 'ssim', 'psnr', 'lpips']
PAIRED = ['regime', 'score', 'method', 'difference', 'lower', 'upper', 'effect', 'p', 'p_holm']
PAIRED += ['wins', 'brains', 'scans']
AGREED = ['volume_source', 'tissue', 'scans', 'bias', 'lower', 'upper']
HOW_COMPARED = (
    'Difference is ulfprep less the method, scans of one brain averaged first, with its 95 % '
    "interval; d is Cohen's for pairs, Hedges-corrected; p by paired t over brains, "
    'Holm-adjusted; neither with fewer than three. With so few brains none is a proof.'
)
NOTE = 'Mean ± standard deviation over scans. Variants that are told of the truth are not ranked.'


def is_baseline(name: str) -> bool:
    """Whether a method is somebody else's: neither ulfprep nor a part or variant of it."""
    return parse_method(name).base not in (DEFAULT, 'lattice')


def scored(rows) -> pd.DataFrame:
    """Return the rows that have scores, with mean Dice and the gaps of MLC and MSLC to the truth.

    Neither more nor less of these two is better. Columns that are not there are empty.
    """
    frame = pd.DataFrame(rows)
    frame = frame[frame['status'] == 'ok']
    wanted = [*frame.columns, *THEIRS, *OURS, 'mlc_truth', 'mslc_truth', 'seed']
    frame = frame.reindex(columns=list(dict.fromkeys(wanted)))
    for name in ('mlc', 'mslc'):
        frame[f'{name}_gap'] = (frame[name] - frame[f'{name}_truth']).abs()
    return frame.assign(dice_mean=frame[DICES].mean(axis=1, skipna=False))


def score_table(rows: pd.DataFrame, shown: list[str]) -> pd.DataFrame:
    """Return means and s.d. over the scans of one regime as texts, the best of a column bold."""
    known, done = registry(), scored(rows).groupby('method', sort=False)
    mean, sd = done[shown].mean(), done[shown].std()
    text, spread = as_text(mean), as_text(sd)
    ranked = [name for name in mean.index if not name.startswith(f'{DEFAULT}:')]
    for name in shown:
        with_sd = text[name].where(spread[name] == '', text[name] + ' ± ' + spread[name])
        numbers = pd.to_numeric(text.loc[ranked, name]).dropna()  # as they are written
        if known.loc[name, 'better'] and len(numbers) > 1:
            best = numbers.max() if known.loc[name, 'better'] == 'higher' else numbers.min()
            won = numbers.index[numbers == best]
            with_sd[won] = '**' + with_sd[won] + '**'
        text[name] = with_sd
    failed = rows.drop_duplicates('method').set_index('method')['status']
    text.insert(0, 'scans', done.size().astype(str))
    text = text.reindex(failed.index).fillna('')
    text['scans'] = text['scans'].where(text['scans'] != '', '0: ' + failed)
    return text.reset_index()


def verdicts(rows) -> pd.DataFrame:
    """Hold ulfprep (``ours``) against the ``best`` baseline of those scored on every scan.

    Both are means over scans; ``better`` is whether ulfprep is at least as good.
    """
    known, out = registry(), []
    for regime, here in scored(rows).groupby('regime', sort=False):
        scans = len(here.drop_duplicates(['brain', 'seed']))
        groups = here.groupby('method', sort=False)
        for name in JUDGED:
            means = groups[name].mean()[groups[name].count() == scans]
            others = means[[is_baseline(method) for method in means.index]]
            if DEFAULT not in means or others.empty:
                continue
            more = known.loc[name, 'better'] == 'higher'
            best = others.idxmax() if more else others.idxmin()
            ours, theirs = means[DEFAULT], others[best]
            won = ours >= theirs if more else ours <= theirs
            out.append((regime, name, ours, theirs, best, bool(won)))
    return pd.DataFrame(out, columns=['regime', 'score', 'ours', 'best', 'method', 'better'])


def sentences(rows) -> list[str]:
    """Say where ulfprep is best and where it is not, a line each regime and side."""
    out, names = [], registry()['long_name']
    for regime, mine in verdicts(rows).groupby('regime', sort=False):
        for better, start in (
            (True, 'is at least as good as every baseline in'),
            (False, 'loses in'),
        ):
            told = [
                f'{names[row.score]} ({row.ours:.4g}; {row.method}: {row.best:.4g})'
                for row in mine[mine['better'] == better].itertuples()
            ]
            if told:
                out.append(f'**{regime}**: ulfprep {start} {"; ".join(told)}.')
    return out


def paired(values, baseline, brains, *, higher: bool = True) -> dict[str, float]:
    """Hold scores of one method against those of another on the same scans, of these brains.

    Scans of one brain with other noise are not independent: their differences are averaged
    first, and all but ``wins`` (by ``higher``; a tie is none) and ``scans`` is over brains.

    Returns
    -------
    dict of float
        ``difference`` (mean), ``lower`` and ``upper`` (95 % interval by Student's t), ``effect``
        (Cohen's d with the exact correction of Hedges, 1981), ``p`` (t test), ``wins``,
        ``brains``, ``scans``. NaN is what so few brains cannot tell: the interval of one, effect
        and p of fewer than three or of brains that all differ by the same.
    """
    found = np.round(np.subtract(values, baseline, dtype=float), 12)  # no rounding errors
    means = pd.Series(found).groupby(list(brains), sort=False).mean()
    described, n = DescrStatsW(means, ddof=1), len(means)
    lower, upper = described.tconfint_mean() if n > 1 else (np.nan, np.nan)
    effect = p = np.nan
    if n > 2 and described.std > 1e-12:
        half = (n - 1) / 2
        hedges = np.exp(gammaln(half) - gammaln(half - 0.5)) / np.sqrt(half)
        effect, p = hedges * described.mean / described.std, described.ttest_mean()[1]
    return {
        'difference': float(described.mean), 'lower': float(lower), 'upper': float(upper),
        'effect': float(effect), 'p': float(p), 'brains': n, 'scans': len(found),
        'wins': int(((found > 0) if higher else (found < 0)).sum()),
    }  # fmt: skip


def holm(p_values) -> np.ndarray:
    """Adjust p values for how many there are, as Holm (1979) does; NaN is no test and stays."""
    out = np.array(p_values, float)
    made = ~np.isnan(out)
    if made.any():
        out[made] = multipletests(out[made], method='holm')[1]
    return out


def comparisons(rows) -> pd.DataFrame:
    """Hold ulfprep against every baseline, pair by pair; columns :data:`PAIRED`."""
    known, out = registry(), []
    for regime, here in scored(rows).groupby('regime', sort=False):
        by_scan = here.fillna({'seed': 0}).set_index(['brain', 'seed'])
        ours = by_scan[by_scan['method'] == DEFAULT]
        mine = []
        for name in COMPARED:
            for method in filter(is_baseline, here['method'].unique()):
                theirs = by_scan[by_scan['method'] == method]
                sides = {'ours': ours[name], 'theirs': theirs[name]}
                both = pd.concat(sides, axis=1, join='inner').dropna()
                if len(both):
                    brains = both.index.get_level_values('brain')
                    higher = known.loc[name, 'better'] == 'higher'
                    found = paired(both['ours'], both['theirs'], brains, higher=higher)
                    mine.append({'regime': regime, 'score': name, 'method': method, **found})
        for row, p in zip(mine, holm([row['p'] for row in mine]), strict=True):
            out.append(row | {'p_holm': p})
    return pd.DataFrame(out, columns=PAIRED)


def paired_volumes(volumes, source: str, tissue: str) -> pd.DataFrame:
    """Return volumes (ml) of a source, ``measured``, and of the high-field image, ``reference``.

    ``volumes`` are rows of ``volumes.tsv``; the other columns identify the scan.
    """
    frame = pd.DataFrame(volumes).fillna({'seed': 0})
    keys = ['regime', 'brain', 'seed']
    one, other = (
        frame.loc[frame['volume_source'] == name, [*keys, tissue]].rename(columns={tissue: new})
        for name, new in ((source, 'measured'), (HIGH_FIELD, 'reference'))
    )
    return one.merge(other, on=keys).dropna()


def agreement(measured, reference) -> dict[str, float]:
    """How far measurements agree with a reference, after Bland and Altman (1986).

    ``bias`` is the mean difference in percent of the reference, ``lower`` and ``upper`` are 1.96
    standard deviations about it; NaN of a single pair.
    """
    percent = 100 * np.divide(measured, reference) - 100
    bias = float(np.mean(percent))
    spread = LIMITS * float(DescrStatsW(percent, ddof=1).std) if len(percent) > 1 else np.nan
    return {'bias': bias, 'lower': bias - spread, 'upper': bias + spread}


def agreements(volumes) -> pd.DataFrame:
    """Bias and limits of agreement of every source of volumes; columns :data:`AGREED`."""
    out = []
    for source in pd.unique(pd.DataFrame(volumes, columns=['volume_source'])['volume_source']):
        for tissue in NAMES if source not in (HIGH_FIELD, 'labels') else ():
            found = paired_volumes(volumes, source, tissue)
            if len(found):
                row = {'volume_source': source, 'tissue': tissue.upper(), 'scans': len(found)}
                out.append(row | agreement(found['measured'], found['reference']))
    return pd.DataFrame(out, columns=AGREED)


def document(rows, about: list[str]) -> list[str]:
    """Return rows of ``tables.tsv`` as lines of Markdown, how they were made first."""
    frame = pd.DataFrame(rows)
    lines = [f'- {line}' for line in about]
    own = sorted(frame.loc[frame['labels_by'] == 'own', 'brain'].unique())
    if own:
        lines.append(
            f'- The labels of {", ".join(own)} are by ulfprep, from the high-field image: Dice '
            'and volumes there are no independent evidence'
        )
    lines += ['', *(f'- {line}' for line in sentences(frame)), '']
    lines += [f'- `{name}`: {parse_method(name).description}' for name in frame['method'].unique()]
    for title, table in _tables(frame):
        lines += ['', f'**{title}**', '', *markdown(table), '', NOTE]
    found = comparisons(frame)
    told = found.assign(score=found['score'].map(registry()['long_name']))
    told['wins'] = [f'{row.wins} of {row.scans}' for row in found.itertuples()]
    shown = as_text(told[['regime', 'score', 'method', *PAIRED[3:7], 'p_holm', 'wins']])
    head = '### Ulfprep against each baseline, pair by pair'
    return [*lines, '', head, '', HOW_COMPARED, '', *markdown(shown)]


def volume_document(volumes) -> list[str]:
    """Return the agreement of volumes as lines of Markdown."""
    told = (
        'Difference to the volume in the high-field image, in percent: bias and limits of '
        'agreement. Image and scan are segmented by one classifier; (own) are the tissues that a '
        'method gives with its image, by a definition of its own.'
    )
    frame = as_text(agreements(volumes)).rename(columns={'lower': 'lower %', 'upper': 'upper %'})
    return [told, '', *markdown(frame)]


def write_documents(out: Path, rows, volumes, lines: list[str], of_volumes: list[str]) -> None:
    """Write Markdown, LaTeX, and the tables of comparisons and of agreement."""
    write_lines(out / 'tables.md', lines)
    write_lines(out / 'volumes.md', of_volumes)
    heads = registry()['long_name']
    latex = []
    for title, table in _tables(pd.DataFrame(rows)):
        text = table.rename(columns=heads).to_latex(
            index=False, escape=True, caption=f'{title}. {NOTE}'
        )
        latex.append(re.sub(r'\*\*(.+?)\*\*', r'\\textbf{\1}', text))
    write_lines(out / 'tables.tex', latex)
    write_table(out, 'comparisons', comparisons(rows).to_dict('records'), PAIRED)
    write_table(out, 'agreement', agreements(volumes).to_dict('records'), AGREED)


def _tables(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    out = []
    for regime, here in frame.groupby('regime', sort=False):
        out.append((f"{regime}: the reference's scores", score_table(here, THEIRS)))
        out.append((f'{regime}: tissues, scan and cost', score_table(here, OURS)))
    for (brain, regime), here in frame.groupby(['brain', 'regime'], sort=False):
        out.append((f'{brain}, {regime}', score_table(here, [*THEIRS[:11], *DICES])))
    return out
