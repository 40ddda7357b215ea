"""Where ulfprep wins and where it loses, in words that the table itself decides."""

import numpy as np

from ulfprep.evaluation.enhancers import DEFAULT, parse_method

#: Score -> its name in a sentence, and whether more of it is better.
JUDGED = {
    'contrast_error': ('contrast error', False),
    'edge_f1': ('edge F1', True),
    'dice_mean': ('mean Dice', True),
    'dice_csf': ('Dice of CSF', True),
    'dice_gm': ('Dice of GM', True),
    'dice_wm': ('Dice of WM', True),
    'cnr': ('CNR', True),
    'psnr': ('PSNR', True),
    'ssim': ('SSIM', True),
    'lpips': ('LPIPS', False),
    'mslc_gap': ('distance of MSLC to that of the truth', False),
    'mlc_gap': ('distance of MLC to that of the truth', False),
}


def is_baseline(name: str) -> bool:
    """Whether a method is somebody else's: neither ulfprep nor a part or variant of it."""
    return parse_method(name).base not in (DEFAULT, 'direct', 'lattice')


def with_gaps(row: dict) -> dict:
    """Add scores made of others: mean Dice, and how far MLC and MSLC are from the truth's.

    Neither more nor less of the latter two is better.
    """
    gaps = {
        f'{name}_gap': abs(row[name] - row[f'{name}_truth'])
        for name in ('mlc', 'mslc')
        if name in row and f'{name}_truth' in row
    }
    dices = [row.get(f'dice_{tissue}') for tissue in ('csf', 'gm', 'wm')]
    return row | gaps | ({} if None in dices else {'dice_mean': float(np.mean(dices))})


def verdicts(rows: list[dict]) -> list[dict]:
    """Hold ulfprep against the best baseline, score by score and regime by regime.

    Parameters
    ----------
    rows : list of dict
        Of the table of methods.

    Returns
    -------
    list of dict
        ``regime``, ``score``, ``ours``, ``best`` (means over scans), ``method`` (the best
        baseline), ``better`` (whether ulfprep is at least as good).
    """
    rows = [with_gaps(row) for row in rows if row['status'] == 'ok']
    out = []
    for regime in dict.fromkeys(row['regime'] for row in rows):
        here = [row for row in rows if row['regime'] == regime]
        for score, (_, more) in JUDGED.items():
            means = _means(here, score)
            ours = means.pop(DEFAULT, None)
            others = {name: value for name, value in means.items() if is_baseline(name)}
            if ours is None or not others:
                continue
            best = (max if more else min)(others, key=others.get)
            better = ours >= others[best] if more else ours <= others[best]
            out.append(
                {'regime': regime, 'score': score, 'ours': ours, 'best': others[best],
                 'method': best, 'better': bool(better)}
            )  # fmt: skip
    return out


def sentences(rows: list[dict]) -> list[str]:
    """Say where ulfprep is best and where it is not, a line each regime and side."""
    out = []
    found = verdicts(rows)
    for regime in dict.fromkeys(row['regime'] for row in found):
        mine = [row for row in found if row['regime'] == regime]
        for better, start in (
            (True, 'is at least as good as every baseline in'),
            (False, 'loses in'),
        ):
            told = [
                f'{JUDGED[row["score"]][0]} '
                f'({row["ours"]:.4g}; {row["method"]}: {row["best"]:.4g})'
                for row in mine
                if row['better'] == better
            ]
            if told:
                out.append(f'**{regime}**: ulfprep {start} {"; ".join(told)}.')
    return out


def _means(rows, score) -> dict[str, float]:
    """Mean over scans of each method that was scored on every scan of the regime."""
    scans = {(row['brain'], row.get('seed')) for row in rows}
    out = {}
    for name in dict.fromkeys(row['method'] for row in rows):
        mine = {
            (r['brain'], r.get('seed')): r[score]
            for r in rows
            if r['method'] == name and score in r
        }
        if set(mine) == scans:
            out[name] = float(np.mean(list(mine.values())))
    return out
