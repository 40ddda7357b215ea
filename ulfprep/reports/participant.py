"""The report of one participant and session: one HTML file, made from derivatives alone."""

import re
from collections.abc import Mapping
from itertools import chain
from pathlib import Path

from ulfprep import __version__
from ulfprep.bids.files import write_text
from ulfprep.bids.names import session_name
from ulfprep.bids.store.records import read_selection
from ulfprep.reports.embedded import MOST_BYTES, give_way
from ulfprep.reports.judgement import MEANING, page_verdict
from ulfprep.reports.methods import methods_of
from ulfprep.reports.pages import environment, script
from ulfprep.reports.scan_page import scan_context
from ulfprep.reports.scans import find_scans

# Colour codes of terminals, and characters that HTML does not allow.
_CONTROL = re.compile(r'\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]')


def write_report(
    output_dir, subject, session=None, errors=(), *, interactive=False, among_others=True
):
    """Write ``<out>/sub-XX[_ses-YY].html`` from what the output folder holds.

    Parameters
    ----------
    output_dir : path-like
        Derivatives dataset.
    subject : str
        Label without ``sub-``.
    session : str or None
        Label without ``ses-``; ``None`` for scans that belong to no session.
    errors : sequence of str or dict
        What went wrong for this participant and session: tracebacks, or dicts with
        ``message``, ``traceback`` and, where known, ``scan`` (its name
        without ``desc``) and ``node``.
    interactive : bool
        Put a viewer of the volumes into it.
    among_others : bool
        Say where each scan lies in the group table, if there is one.

    Returns
    -------
    Path
        The report: self-contained, the same bytes for the same derivatives but for what the
        scans took, each on a line with ``class="cost"``.
    """
    output_dir = Path(output_dir)
    name = session_name(subject, session)
    scans, context = _context(output_dir, subject, session, errors, among_others)
    html = _render(name, context)
    figures = list(chain.from_iterable(scan['figures'] for scan in context['scans']))
    # What stands in place of a picture takes room too, hence more than once.
    while (excess := len(html.encode()) - MOST_BYTES) > 0 and give_way(figures, excess):
        html = _render(name, context)
    if interactive:
        from ulfprep.reports.viewer.viewers import viewers

        html = _render(name, context, viewers(output_dir, scans, len(html.encode())))
    return write_text(output_dir / f'{name}.html', html)


def report_context(output_dir, subject, session=None, errors=()):
    """Return everything that the template prints, as plain values.

    Parameters
    ----------
    output_dir, subject, session, errors
        As for :func:`write_report`.

    Returns
    -------
    dict
    """
    return _context(Path(output_dir), subject, session, errors)[1]


def _context(output_dir, subject, session, errors, among_others=True):
    crashes = [_error(error) for error in errors]
    scans = find_scans(output_dir, subject, session, {crash['scan'] for crash in crashes})
    contexts = [
        scan_context(i, scan, crashes, output_dir, among_others) for i, scan in enumerate(scans, 1)
    ]
    named = {scan.name for scan in scans}
    stray = [crash['gist'] for crash in crashes if crash['scan'] not in named]
    return scans, {
        'subject': subject,
        'session': session,
        'scans': contexts,
        'verdict': page_verdict([scan['verdict'] for scan in contexts], stray),
        'meaning': MEANING,
        'images': read_selection(output_dir, subject, session),
        'errors': crashes,
        'methods': methods_of(scans),
        'version': __version__,
    }


def _render(name, context, viewers=None):
    """Return the page; with viewers, which bring scripts of their own, it may run any script."""
    text, allowed = script('report.js')
    return (
        environment()
        .get_template('report.html')
        .render(
            title=name,
            script=text,
            script_hash='' if viewers else allowed,
            viewers=viewers or {},
            left_out=sum(bool(f['instead']) for scan in context['scans'] for f in scan['figures']),
            **context,
        )
    )


def _error(error):
    """Return a crash as its scan, its gist (the message or last line) and its whole text."""
    if isinstance(error, Mapping):
        scan, node = str(error.get('scan') or ''), error.get('node')
        message = _clean(error.get('message') or '')
        text = _clean(error.get('traceback') or '') or message
        where = f'Node: {_clean(node)}\n' if node and str(node) not in text else ''
    else:
        scan, message, text, where = '', '', _clean(error), ''
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    gist = message or (lines[-1] if lines else 'no message')
    return {'scan': scan, 'gist': gist, 'text': where + text}


def _clean(text):
    return _CONTROL.sub('', str(text)).strip()
