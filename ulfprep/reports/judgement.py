"""The verdict of a scan as its report states it: by its metrics, and by what went wrong."""

from collections.abc import Iterable, Sequence

from ulfprep.record import FAILED, LEVELS, LOOK, USABLE, Verdict

#: What each level means, and a sign for those who do not see colours.
MEANING = {
    USABLE: ('\u2713', 'no measurement speaks against it; look at the pictures all the same'),
    LOOK: ('!', 'look at what is named here before you use the result'),
    FAILED: ('\u2715', 'not to be used'),
}


def scan_verdict(
    recorded: Verdict | None,
    problem: str = '',
    crashes: Iterable[str] = (),
    missing: Sequence[str] = (),
) -> Verdict:
    """Return the verdict of one scan.

    Parameters
    ----------
    recorded : Verdict or None
        Of its record; None for a scan that did not finish.
    problem : str
        Why there is no record.
    crashes : iterable of str
        What failed, in words.
    missing : sequence of str
        Figures that should be there.
    """
    recorded = recorded or Verdict(USABLE)
    failed = [*crashes, *([problem] if problem else [])]
    rest, levels = [], [recorded.level]
    if failed:
        levels.append(FAILED)
    if missing:
        several = 'figures are' if len(missing) > 1 else 'a figure is'
        rest = [f'{several} missing: {", ".join(missing)}']
        levels.append(LOOK)
    level = max(levels, key=LEVELS.index)
    return Verdict(level, (*failed, *recorded.reasons, *rest))


def page_verdict(verdicts: Sequence[Verdict], stray: Sequence[str] = ()) -> Verdict:
    """Return the verdict of a whole page.

    Parameters
    ----------
    verdicts : sequence of Verdict
        Of its scans; without any the page failed, with several they are counted.
    stray : sequence of str
        What went wrong without belonging to a scan.
    """
    if not verdicts:
        return Verdict(FAILED, ('no scan was finished', *stray))
    levels = [verdict.level for verdict in verdicts] + [LOOK] * bool(stray)
    worst = max(levels, key=LEVELS.index)
    if len(verdicts) == 1:
        return Verdict(worst, (*verdicts[0].reasons, *stray))
    counts = [(level, sum(v.level == level for v in verdicts)) for level in LEVELS]
    told = ', '.join(f'{count} {level}' for level, count in counts if count)
    return Verdict(worst, (f'{len(verdicts)} scans: {told}', *stray))
