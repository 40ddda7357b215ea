"""The tables as documents: means, ulfprep against each baseline, volumes, wins and losses."""

import re
from pathlib import Path

import pandas as pd

from ulfprep.evaluation.enhancers.registry import DEFAULT, parse_method
from ulfprep.evaluation.publish import as_text, markdown, registry, write_lines, write_table
from ulfprep.evaluation.score import NAMES
from ulfprep.evaluation.statistics import agreement, holm, paired

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
    """Return the rows that have scores, with those made of others.

    These are mean Dice, and how far MLC and MSLC are from the truth's: neither more nor less is
    better. Columns that are not there are empty.
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
    """Hold ulfprep against the best baseline of those that were scored on every scan.

    Columns are ``regime``, ``score``, ``ours`` and ``best`` (means over scans), ``method`` (the
    best baseline), ``better`` (whether ulfprep is at least as good).
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
    """Return volumes (ml) of a source and of the high-field image of the same scan.

    ``volumes`` are rows of ``volumes.tsv``; the columns returned are ``measured``, ``reference``
    and those that identify the scan.
    """
    frame = pd.DataFrame(volumes).fillna({'seed': 0})
    keys = ['regime', 'brain', 'seed']
    one, other = (
        frame.loc[frame['volume_source'] == name, [*keys, tissue]].rename(columns={tissue: new})
        for name, new in ((source, 'measured'), (HIGH_FIELD, 'reference'))
    )
    return one.merge(other, on=keys).dropna()


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
    return [
        *lines,
        '',
        '### Ulfprep against each baseline, pair by pair',
        '',
        HOW_COMPARED,
        '',
        *markdown(shown),
    ]


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
