"""The tables as documents: Markdown for people, LaTeX for papers."""

from pathlib import Path

import numpy as np

from ulfprep.bids.files import write_text
from ulfprep.evaluation.columns import column
from ulfprep.evaluation.enhancers import DEFAULT, describe
from ulfprep.evaluation.markup import Column, Table, to_latex, to_markdown
from ulfprep.evaluation.publish import write_table
from ulfprep.evaluation.statistics import agreement, holm, paired, summary
from ulfprep.evaluation.tables.downstream import REFERENCE, TISSUES, paired_volumes, sources_of
from ulfprep.evaluation.tables.losses import JUDGED, is_baseline, sentences, with_gaps

#: Scores of the reference's paper, and those that are ours.
THEIRS = (
    ('contrast', 'contrast', '.3f', None),
    ('error', 'contrast_error', '.3f', 'lower'),
    ('/ bicubic', 'contrast_of_bicubic', '.2f', None),
    ('edge F1', 'edge_f1', '.3f', 'higher'),
    ('/ bicubic', 'edge_f1_of_bicubic', '.2f', 'higher'),
    ('F1, 1 voxel', 'edge_f1_1voxel', '.3f', 'higher'),
    ('F1 as it is', 'edge_f1_unfitted', '.3f', 'higher'),
    ('/ bicubic', 'edge_f1_unfitted_of_bicubic', '.2f', 'higher'),
    ('SSIM', 'ssim', '.3f', 'higher'),
    ('PSNR', 'psnr', '.2f', 'higher'),
    ('LPIPS', 'lpips', '.3f', 'lower'),
    ('MLC', 'mlc', '.3f', None),
    ('MSLC', 'mslc', '.3f', None),
)
OURS = (
    ('CNR', 'cnr', '.2f', 'higher'),
    ('Dice CSF', 'dice_csf', '.3f', 'higher'),
    ('GM', 'dice_gm', '.3f', 'higher'),
    ('WM', 'dice_wm', '.3f', 'higher'),
    ('own Dice CSF', 'own_dice_csf', '.3f', 'higher'),
    ('GM', 'own_dice_gm', '.3f', 'higher'),
    ('WM', 'own_dice_wm', '.3f', 'higher'),
    ('volume error % CSF', 'volume_error_csf', '.1f', None),
    ('GM', 'volume_error_gm', '.1f', None),
    ('WM', 'volume_error_wm', '.1f', None),
    ('residual', 'residual_rms', '.2f', None),
    ('within 1 s.d.', 'within_1_sd', '.2f', None),
    ('1.96 s.d.', 'within_1.96_sd', '.2f', None),
    ('cpu s', 'cpu', '.0f', 'lower'),
    ('GB', 'memory', '.2f', 'lower'),
)
COMPARED = (
    'contrast_error', 'edge_f1', 'dice_mean', 'dice_csf', 'dice_gm', 'dice_wm', 'ssim', 'psnr',
    'lpips',
)  # fmt: skip
#: The table of paired comparisons.
PAIRED = {
    'regime': column('Regime', 'How the scans were made'),
    'score': column('Score', 'What was compared'),
    'method': column('Method', 'That ulfprep was held against'),
    'difference': column(
        'Difference', 'Ulfprep less the method, scans of one brain averaged first'
    ),
    'lower': column('Lower bound', 'Of its 95 % confidence interval (t)'),
    'upper': column('Upper bound', 'The same'),
    'effect': column('Effect size', "Cohen's d of the paired differences, Hedges-corrected"),
    'p_t': column('p, t', 'Paired t test over brains; n/a with fewer than three'),
    'p_t_holm': column('p, t, adjusted', 'The same, by Holm over all rows of a regime'),
    'p_w': column('p, Wilcoxon', 'Signed ranks over brains; n/a with fewer than six'),
    'wins': column('Wins', 'Scans on which ulfprep is better'),
    'brains': column('Brains', 'Number of independent brains'),
    'scans': column('Scans', 'Number of scans'),
}
_AGREED = {
    'source': column('Source', 'What was segmented'),
    'tissue': column('Tissue', 'CSF, GM or WM'),
    'n': column('Scans', 'Number of scans'),
    'bias': column('Bias', f'Mean difference to the {REFERENCE} image, over that image', '%'),
    'lower': column('Lower limit', 'Of agreement: bias less 1.96 s.d.', '%'),
    'upper': column('Upper limit', 'The same, above', '%'),
}


def main_table(rows, regime: str, shown, title: str) -> Table:
    """Return the table of one regime: means and standard deviations over scans."""
    columns = [Column(head, key, form, better) for head, key, form, better in shown]
    out = []
    for name in dict.fromkeys(row['method'] for row in rows):
        same = [r for r in rows if (r['regime'], r['method']) == (regime, name)]
        done = [row for row in same if row['status'] == 'ok']
        if not same:
            continue
        line = {
            'method': name,
            'n': str(len(done)),
            'competes': not name.startswith(f'{DEFAULT}:'),
        }
        if not done:
            line[shown[0][1]] = same[0]['status']
        for _, key, _, _ in shown:
            values = [row[key] for row in done if key in row]
            if values:
                found = summary(values)
                line[key] = (found.mean, found.sd) if found.n > 1 else found.mean
        out.append(line)
    note = (
        'Mean ± standard deviation over scans. Variants that are told of the truth are not ranked.'
    )
    return Table(title, note, ['method', 'n'], columns, out)


def comparisons(rows: list[dict]) -> list[dict]:
    """Hold ulfprep against every baseline, pair by pair; keys of :data:`PAIRED`."""
    done = [with_gaps(row) for row in rows if row['status'] == 'ok']
    out = []
    for regime in dict.fromkeys(row['regime'] for row in done):
        here = [row for row in done if row['regime'] == regime]
        ours = {(r['brain'], r.get('seed')): r for r in here if r['method'] == DEFAULT}
        mine = []
        for score in COMPARED:
            for name in dict.fromkeys(row['method'] for row in here):
                if not is_baseline(name):
                    continue
                theirs = {(r['brain'], r.get('seed')): r for r in here if r['method'] == name}
                shared = [
                    k for k in ours if k in theirs and score in ours[k] and score in theirs[k]
                ]
                if not shared:
                    continue
                a, b = ([side[k][score] for k in shared] for side in (ours, theirs))
                found = paired(a, b, [k[0] for k in shared], higher=JUDGED[score][1])
                mine.append(
                    {
                        'regime': regime, 'score': score, 'method': name,
                        'difference': found.difference, 'lower': found.ci95[0],
                        'upper': found.ci95[1], 'effect': found.effect, 'p_t': found.p_t,
                        'p_w': found.p_w, 'wins': found.wins, 'brains': found.n_subjects,
                        'scans': found.n_scans,
                    }
                )  # fmt: skip
        for row, p in zip(mine, holm([row['p_t'] for row in mine]), strict=True):
            out.append(_known(row | {'p_t_holm': float(p)}))
    return out


def agreements(volumes: list[dict]) -> list[dict]:
    """Bias and limits of agreement of every source of volumes, tissue by tissue."""
    out = []
    for source in sources_of(volumes):
        for tissue in TISSUES:
            measured, reference, _ = paired_volumes(volumes, source, tissue)
            if not len(measured):
                continue
            found = agreement(100 * measured / reference, np.full(len(measured), 100.0))
            row = {'source': source, 'tissue': tissue.upper(), 'n': len(measured)}
            out.append(_known(row | {k: getattr(found, k) for k in ('bias', 'lower', 'upper')}))
    return out


def document(rows: list[dict], volumes: list[dict], about: list[str]) -> list[str]:
    """Return the table of methods as lines of Markdown."""
    methods = list(dict.fromkeys(row['method'] for row in rows))
    own = sorted({row['brain'] for row in rows if row['labels_by'] == 'own'})
    lines = [*(f'- {line}' for line in about)]
    if own:
        lines.append(
            f'- The labels of {", ".join(own)} are by ulfprep, from the high-field image: Dice '
            'and volumes there are no independent evidence'
        )
    lines += ['', *(f'- {line}' for line in sentences(rows)), '']
    lines += [f'- `{name}`: {describe(name)}' for name in methods]
    for table in _tables(rows):
        lines += ['', *to_markdown(table)]
    return [*lines, '', *_comparison_lines(comparisons(rows))]


def volume_document(volumes: list[dict]) -> list[str]:
    """Return the agreement of volumes as lines of Markdown."""
    lines = [
        (
            f'Difference to the volume in the {REFERENCE} image, in percent: bias and limits of '
            'agreement. Image and scan are segmented by one classifier; (own) are the '
            'tissues that a method gives with its image, by a definition of its own.'
        ),
        '',
        '| source | tissue | n | bias % | limits of agreement % |',
        '|---|---|---|---|---|',
    ]
    for row in agreements(volumes):
        limits = f'{row["lower"]:.1f} to {row["upper"]:.1f}' if 'lower' in row else ''
        lines.append(
            f'| {row["source"]} | {row["tissue"]} | {row["n"]} | {row["bias"]:.1f} | {limits} |'
        )
    return lines


def write_documents(out: Path, rows: list[dict], volumes: list[dict], about: list[str]) -> None:
    """Write Markdown, LaTeX, and the tables of comparisons and of agreement."""
    write_text(out / 'tables.md', '\n'.join(document(rows, volumes, about)) + '\n')
    write_text(out / 'volumes.md', '\n'.join(volume_document(volumes)) + '\n')
    latex = [line for table in _tables(rows) for line in (*to_latex(table), '')]
    write_text(out / 'tables.tex', '\n'.join(latex) + '\n')
    write_table(out, 'comparisons', comparisons(rows), PAIRED)
    write_table(out, 'agreement', agreements(volumes), _AGREED)


def _tables(rows) -> list[Table]:
    out = []
    for regime in dict.fromkeys(row['regime'] for row in rows):
        here = [row for row in rows if row['regime'] == regime]
        out.append(main_table(here, regime, THEIRS, f"{regime}: the reference's scores"))
        out.append(main_table(here, regime, OURS, f'{regime}: tissues, scan and cost'))
    for brain in dict.fromkeys(row['brain'] for row in rows):
        for regime in dict.fromkeys(r['regime'] for r in rows if r['brain'] == brain):
            here = [r for r in rows if (r['brain'], r['regime']) == (brain, regime)]
            shown = (*THEIRS[:11], *OURS[1:4])
            out.append(main_table(here, regime, shown, f'{brain}, {regime}'))
    return out


def _comparison_lines(found) -> list[str]:
    lines = [
        '### Ulfprep against each baseline, pair by pair',
        '',
        (
            'Difference is ulfprep less the method, scans of one brain averaged first; d is '
            "Cohen's for pairs, Hedges-corrected; p by paired t over brains, Holm-adjusted, n/a "
            'with fewer than three. With so few brains none of these is a proof.'
        ),
        '',
        '| regime | score | method | difference | 95 % interval | d | p | better on |',
        '|---|---|---|---|---|---|---|---|',
    ]
    for row in found:
        interval = f'{row["lower"]:.3f} to {row["upper"]:.3f}' if 'lower' in row else 'n/a'
        effect = f'{row["effect"]:.1f}' if 'effect' in row else 'n/a'
        p = f'{row["p_t_holm"]:.3f}' if 'p_t_holm' in row else 'n/a'
        lines.append(
            f'| {row["regime"]} | {JUDGED[row["score"]][0]} | {row["method"]} | '
            f'{row["difference"]:+.3f} | {interval} | {effect} | {p} | '
            f'{row["wins"]} of {row["scans"]} |'
        )
    return lines


def _known(row):
    """Leave out what is not a number."""
    return {k: v for k, v in row.items() if not (isinstance(v, float) and not np.isfinite(v))}
