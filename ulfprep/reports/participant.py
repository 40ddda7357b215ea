"""The report of one participant and session: one HTML file, made from derivatives alone."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ulfprep import __version__
from ulfprep.bids.files import write_text
from ulfprep.bids.names import session_name
from ulfprep.bids.store.outcomes import MISSING, Outcome, find_outcomes
from ulfprep.bids.store.records import read_selection
from ulfprep.record import FAILED, LEVELS, LOOK, Verdict
from ulfprep.reports.methods import methods_of
from ulfprep.reports.pages import MEANING, MOST_BYTES, give_way, render, script
from ulfprep.reports.scan_page import label_of, scan_context

# Colour codes of terminals, and characters that HTML does not allow.
_CONTROL = re.compile(r'\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]')


def write_report(output_dir, subject, session=None, errors=(), *, interactive=False):
    """Write ``<out>/sub-XX[_ses-YY].html`` from what the output folder holds.

    Parameters
    ----------
    output_dir : path-like
        Derivatives dataset.
    subject, session : str, str or None
        Labels; ``None`` for scans that belong to no session.
    errors : sequence of str or dict
        What went wrong for this participant and session: tracebacks, or dicts with
        ``message``, ``traceback`` and, where known, ``scan`` (its name
        without ``desc``) and ``node``.
    interactive : bool
        Put a viewer of the volumes into it.

    Returns
    -------
    Path
        The report: self-contained, the same bytes for the same derivatives but for what the
        scans took, each on a line with ``class="cost"``.
    """
    output_dir = Path(output_dir)
    name = session_name(subject, session)
    crashes = [_error(error) for error in errors]
    # Scans that failed are listed even where they left no file.
    found, _ = find_outcomes(output_dir, subject, {crash['scan'] for crash in crashes})
    scans = [one for one in found if one.session == session and is_reported(one)]
    contexts = [scan_context(i, scan, crashes, output_dir) for i, scan in enumerate(scans, 1)]
    names = {scan.name for scan in scans}
    stray = [crash['gist'] for crash in crashes if crash['scan'] not in names]
    context = {
        'title': name,
        'scans': contexts,
        'verdict': page_verdict([scan['verdict'] for scan in contexts], stray),
        'meaning': MEANING,
        'images': read_selection(output_dir, subject, session),
        'errors': crashes,
        'methods': methods_of([(label_of(s), s.record.methods) for s in scans if s.record]),
        'version': __version__,
    }
    html = _render(context)
    figures = [figure for scan in contexts for figure in scan['figures']]
    # What stands in place of a picture takes room too, hence more than once.
    while (excess := len(html.encode()) - MOST_BYTES) > 0 and give_way(figures, excess):
        html = _render(context)
    if interactive:
        from ulfprep.reports.viewer import viewers

        html = _render(context, viewers(output_dir, scans, len(html.encode())))
    return write_text(output_dir / f'{name}.html', html)


def is_reported(scan: Outcome) -> bool:
    """Tell whether the report of its participant tells of a scan: not of one without a trace."""
    return scan.status != MISSING or bool(scan.figures)


def page_verdict(verdicts: Sequence[Verdict], stray: Sequence[str]) -> Verdict:
    """Return the verdict of a page by those of its scans, and by what belongs to no scan."""
    if not verdicts:
        return Verdict(FAILED, ('no scan was finished', *stray))
    levels = [verdict.level for verdict in verdicts]
    worst = max([*levels, *[LOOK] * bool(stray)], key=LEVELS.index)
    if len(verdicts) == 1:
        return Verdict(worst, (*verdicts[0].reasons, *stray))
    told = [f'{levels.count(level)} {level}' for level in LEVELS if level in levels]
    return Verdict(worst, (f'{len(verdicts)} scans: {", ".join(told)}', *stray))


def _render(context, viewers=None):
    """Return the page; with viewers, which bring scripts of their own, it may run any script."""
    text, allowed = script('report.js')
    figures = [figure for scan in context['scans'] for figure in scan['figures']]
    return render(
        'report.html',
        script=text,
        script_hash='' if viewers else allowed,
        viewers=viewers or {},
        left_out=sum(bool(figure['instead']) for figure in figures),
        **context,
    )


def _error(error):
    """Return a crash as its scan, its gist (the message or last line) and its whole text."""
    error = error if isinstance(error, Mapping) else {'traceback': error}
    message, node = _clean(error.get('message')), _clean(error.get('node'))
    text = _clean(error.get('traceback')) or message
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    gist = message or (lines[-1] if lines else 'no message')
    where = f'Node: {node}\n' if node and node not in text else ''
    return {'scan': str(error.get('scan') or ''), 'gist': gist, 'text': where + text}


def _clean(text):
    return _CONTROL.sub('', str(text or '')).strip()
