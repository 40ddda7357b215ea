"""The report of one participant and session: one HTML file, made from derivatives alone."""

import re
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from urllib.parse import quote

from ulfprep import __version__
from ulfprep.bids.derivatives import FIGURES, figures_of, session_name
from ulfprep.bids.files import write_text
from ulfprep.bids.selection import read_selection
from ulfprep.reports import fusion, tables, texts
from ulfprep.reports.captions import CAPTIONS, UNKNOWN
from ulfprep.reports.findings import finding
from ulfprep.reports.references import bibliography, cite
from ulfprep.reports.scans import find_scans
from ulfprep.reports.sections import SECTIONS

_VIEW_BOX = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
# Colour codes of terminals, and characters that HTML does not allow.
_CONTROL = re.compile(r'\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]')


def write_report(output_dir, subject, session=None, errors=(), *, interactive=False):
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
        Whether to put a viewer of the volumes into it.

    Returns
    -------
    Path
        The report: self-contained, the same bytes for the same derivatives.
    """
    output_dir = Path(output_dir)
    name = session_name(subject, session)
    context = report_context(output_dir, subject, session, errors)
    template = _environment().get_template('report.html')
    html = template.render(title=name, **context)
    if interactive:
        from ulfprep.reports.viewer import viewers

        found = viewers(output_dir, find_scans(output_dir, subject, session), len(html.encode()))
        for scan in context['scans']:
            scan['viewer'] = found.get(scan['stem'], '')
        html = template.render(title=name, **context)
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
    crashes = [_error(error) for error in errors]
    scans = find_scans(output_dir, subject, session, {crash['scan'] for crash in crashes})
    methods, references = _methods(scans)
    return {
        'subject': subject,
        'session': session,
        'scans': [_scan_context(i, scan, crashes) for i, scan in enumerate(scans, start=1)],
        'images': read_selection(output_dir, subject, session),
        'errors': crashes,
        'methods': methods,
        'references': references,
        'version': __version__,
    }


def _environment():
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader('ulfprep.reports'),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _scan_context(index, scan, crashes):
    """Return what the page prints of one scan; ``index`` makes ids unique."""
    qc = scan.qc
    direction = qc.get('direction') if qc.get('direction') in FIGURES else 'enhance'
    ids = count(1)
    # Of a scan that did not finish nothing can be expected; what there is, is shown.
    role = fusion.record(qc).get('role', 'scan')
    expected = figures_of(direction, role) if qc else ()

    def figures(names):
        wanted = [n for n in names if n in scan.figures or n in expected]
        return [
            _figure(f's{index}-figure{next(ids)}', n, scan.figures.get(n))
            | {'finding': finding(n, qc)}
            for n in wanted
        ]

    plan = qc.get('contrast') or {}
    sections = [(title, figures(names)) for title, names in SECTIONS[direction]]
    known = {'contrast', *(n for _, names in SECTIONS[direction] for n in names)}
    others = sorted(set(scan.figures) - known)
    if others:
        sections.append(('Other figures', figures(others)))
    return {
        'id': f's{index}',
        'stem': scan.name,
        'label': scan.label,
        'direction': direction,
        'problem': scan.problem,
        'crashes': [crash['gist'] for crash in crashes if crash['scan'] == scan.name],
        'finished': bool(qc),
        'viewer': '',
        'sentences': _sentences(qc) if qc else [],
        'fused': fusion.rows(qc),
        'left_out': fusion.left_out(qc),
        'overview': [*texts.overview(qc), *tables.simulation(qc)] if qc else [],
        'tiles': texts.tiles(qc) if qc else [],
        'notes': [str(note) for note in qc.get('notes') or ()],
        'sections': [
            {'id': f's{index}-{title.lower().replace(" ", "-")}', 'title': title, 'figures': found}
            for title, found in sections
            if found
        ],
        'contrast_figures': figures(('contrast',)),
        'targets': tables.targets(plan),
        'relaxation': tables.relaxation(plan),
        'equations': _equations(plan),
        'rank': texts.number(plan.get('rank')),
        'condition': texts.number(plan.get('condition_number'), 3),
        'bounds': [str(bound) for bound in plan.get('active_bounds') or ()],
        'metrics': texts.metric_rows(qc, _metric_dictionary()),
        'about': _about(qc),
        'missing': [n for n in expected if n not in scan.figures],
    }


def _sentences(qc):
    """Return the summary; of an image that scans share, without the sentence of what came in."""
    first, *rest = texts.summary(qc)
    fused = fusion.sentences(qc)
    if fusion.record(qc).get('role') == 'fused':
        return [*fused, 'The rest of this section is of the scan named as input below.', *rest]
    return [first, *fused, *rest]


def _metric_dictionary():
    """Return what each metric means; a report without the meanings beats none."""
    try:
        from ulfprep.metrics.dictionary import METRICS
    except ImportError:
        return {}
    return METRICS


def _equations(plan):
    keys = ('target', 'achieved', 'residual', 'weight')
    return [
        (str(row.get('name', '')), *(texts.number(row.get(key)) for key in keys))
        for row in plan.get('equations') or ()
    ]


def _about(qc):
    """Return ``(name, value)`` rows: what made this scan's derivatives."""
    versions = qc.get('versions') or {}
    rows = [
        ('Settings hash', qc.get('settings_hash')),
        ('Random seed', qc.get('seed')),
        ('Hash of the input', qc.get('input_digest')),
        ('Settings', '; '.join(f'{k} = {v}' for k, v in (qc.get('settings') or {}).items())),
        ('Versions', ', '.join(f'{k} {v}' for k, v in versions.items())),
        ('Options of the fit', texts.number((qc.get('fit') or {}).get('options') or None)),
    ]
    return [(name, str(value)) for name, value in rows if value not in (None, '', 'n/a')]


def _figure(identity, name, path):
    """Return one figure: its picture as a data address, or that it is missing."""
    figure = {'id': identity, 'name': name, 'caption': CAPTIONS.get(name, UNKNOWN), 'source': None}
    if path is None:
        return figure
    svg = path.read_text(encoding='utf-8')
    box = _VIEW_BOX.search(svg)
    width, height = (float(v) for v in box.groups()) if box else (1.0, 1.0)
    # Addresses lose their line breaks, which in SVG part one attribute from the next.
    address = quote(' '.join(svg.splitlines()), safe=" !$&'()*+,-./:;=?@[]_~")
    return figure | {
        'source': f'data:image/svg+xml,{address}',
        'width': f'{width:g}',
        'height': f'{height:g}',
        'half': f'{height / 2:g}',
    }


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


def _methods(scans):
    """Return ``[(labels, HTML)]``, one a different methods text, and the works cited."""
    known, numbers = bibliography(), {}
    by_text = {}
    for scan in (scan for scan in scans if scan.qc):
        by_text.setdefault(scan.qc.get('methods') or texts.METHODS, []).append(scan.label)
    methods = [(labels, cite(text, known, numbers)) for text, labels in by_text.items()]
    methods.append(([], cite(texts.FRAMEWORK, known, numbers)))
    return methods, [known[key] for key in numbers]
