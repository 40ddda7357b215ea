"""What a report prints of one scan, as plain values and markup."""

from functools import lru_cache
from itertools import count

from markupsafe import Markup

from ulfprep.bids.read.participants import read_table
from ulfprep.bids.store.records import read_resources
from ulfprep.bids.write.derivatives import used_network
from ulfprep.bids.write.figures import FIGURES, figures_of
from ulfprep.metrics.dictionary import METRICS
from ulfprep.reports import cost, fusion, tables, texts
from ulfprep.reports.compared import reference_rows
from ulfprep.reports.embedded import embedded
from ulfprep.reports.findings import finding
from ulfprep.reports.judgement import scan_verdict
from ulfprep.reports.measures import metric_groups, rule_rows
from ulfprep.reports.place import comparable
from ulfprep.reports.sections import ELSEWHERE, SECTIONS
from ulfprep.reports.values import listed, shown
from ulfprep.settings import MODALITIES

CONTRAST = 'contrast'


def scan_context(index, scan, crashes, output_dir, among_others=True):
    """Return what the page prints of one scan.

    Parameters
    ----------
    index : int
        Makes ids unique.
    scan : ReportedScan
    crashes : list of dict
        Of the whole page: ``scan``, ``gist``.
    output_dir : Path
    among_others : bool
        Look for the scan's place in the group table, if there is one.

    Returns
    -------
    dict
    """
    qc = scan.qc
    direction = qc.get('direction') if qc.get('direction') in FIGURES else 'enhance'
    # Of a scan that did not finish nothing can be expected; what there is, is shown.
    role = fusion.record(qc).get('role', 'scan')
    wanted = figures_of(direction, role, used_network(qc)) if qc else ()
    expected = [name for name in wanted if name not in ELSEWHERE]
    missing = [name for name in expected if name not in scan.figures]
    gists = [crash['gist'] for crash in crashes if crash['scan'] == scan.name]
    ids = count(1)

    def figures(names):
        wanted = [n for n in names if n in scan.figures or n in expected]
        return [
            embedded(f's{index}-figure{next(ids)}', n, scan.figures.get(n), output_dir)
            | {'finding': finding(n, qc)}
            for n in wanted
        ]

    shown_sections = _sections(index, scan, direction, figures)
    contrast_figures = figures((CONTRAST,))
    own, others = _rows_of_table(output_dir, scan, qc) if among_others else ({}, [])
    resources = read_resources(output_dir, scan.name) if qc else None
    return {
        'id': f's{index}',
        'stem': scan.name,
        'label': scan.label,
        'direction': direction,
        'problem': scan.problem,
        'crashes': gists,
        'verdict': scan_verdict(qc, scan.problem, gists, missing),
        'rules': rule_rows(direction),
        'finished': bool(qc),
        'sentences': _sentences(qc) if qc else [],
        'fused': fusion.rows(qc),
        'left_out': fusion.left_out(qc),
        'overview': [*texts.overview(qc), *tables.simulation(qc)] if qc else [],
        'cost': cost.cost_rows(resources),
        'nodes': cost.node_rows(resources),
        'tiles': texts.tiles(qc) if qc else [],
        'notes': [str(note) for note in qc.get('notes') or ()],
        'sections': shown_sections,
        'contrast_figures': contrast_figures,
        'figures': [f for section in shown_sections for f in section['figures']]
        + contrast_figures,
        'targets': tables.targets(qc),
        'relaxation': tables.relaxation(qc),
        'equations': tables.equations(qc),
        'rank': shown(qc, 'contrast.rank'),
        'condition': shown(qc, 'contrast.condition_number', 3),
        'bounds': [str(bound) for bound in (qc.get('contrast') or {}).get('active_bounds') or ()],
        'reference': reference_rows(qc),
        'metrics': metric_groups(qc, METRICS, others),
        'compared': len(others),
        'outliers': _outliers(own),
        'about': _about(qc),
        'missing': missing,
    }


def _sections(index, scan, direction, figures):
    """Return the sections that hold figures; what belongs to none comes last."""
    known = SECTIONS[direction]
    found = [(title, figures(names)) for title, names in known]
    placed = {CONTRAST, *ELSEWHERE, *(name for _, names in known for name in names)}
    others = sorted(set(scan.figures) - placed)
    if others:
        found.append(('Other figures', figures(others)))
    return [
        {
            'id': f's{index}-{title.lower().replace(" ", "-")}',
            'title': title,
            'lead': texts.LEADS.get(title, ''),
            'figures': shown_figures,
        }
        for title, shown_figures in found
        if shown_figures
    ]


def _rows_of_table(output_dir, scan, qc):
    """Return the scan's own row of the group table, and those that it can be compared with."""
    name, _, modality = scan.name.rpartition('_')
    path = output_dir / f'group_{modality}.tsv'
    if not qc or not path.is_file():
        return {}, []
    try:
        status = path.stat()
        rows = _table(path, status.st_mtime_ns, status.st_size)
    except (OSError, ValueError):  # somebody else's table costs no report
        return {}, []
    own = next((row for row in rows if row.get('bids_name') == name), {})
    return own, comparable(rows, name, qc.get('direction'), str(qc.get('settings_hash')))


@lru_cache(maxsize=len(MODALITIES))
def _table(path, changed, size):
    """Return the rows of a table; reports of one run read it once, unless it changes."""
    return read_table(path)


def _outliers(row):
    """Return the metrics that the group level calls outlying in this scan: name -> low or high."""
    cells = (part.split() for part in (row.get('outliers') or '').split(';'))
    return {words[0]: words[1] for words in cells if len(words) == 2}


def _sentences(qc):
    """Return the summary; of an image that scans share, without the sentence of what came in."""
    first, *rest = texts.summary(qc)
    fused = fusion.sentences(qc)
    if fusion.record(qc).get('role') == 'fused':
        return [*fused, 'The rest of this section is of the scan named as input below.', *rest]
    return [first, *fused, *rest]


def _about(qc):
    """Return ``(name, value)`` rows: what made this scan's derivatives."""
    versions = qc.get('versions') or {}
    settings = [
        Markup('{} = {}').format(name, shown(qc, f'settings.{name}'))
        for name, value in (qc.get('settings') or {}).items()
        if value not in ('', [])
    ]
    rows = [
        ('Settings hash', qc.get('settings_hash')),
        ('Random seed', shown(qc, 'seed')),
        ('Hash of the input', qc.get('input_digest')),
        ('Settings', Markup('; ').join(settings)),
        ('Versions', listed([f'{k} {v}' for k, v in versions.items()], '')),
        ('Options of the fit', shown(qc, 'fit.options')),
    ]
    return [(name, value) for name, value in rows if value not in (None, '', 'n/a')]
