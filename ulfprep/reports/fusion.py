"""What a report says of scans that were fitted in one field."""

from ulfprep.reports.values import at, shown

ARROW, DEGREE = '\u2192', '\u00b0'


def record(qc):
    """Return what the QC record says of the fusion; ``{}`` for a scan by itself."""
    return qc.get('fusion') or {}


def sentences(qc):
    """Return what a scan was fused with, or why it was not, one sentence an item.

    Parameters
    ----------
    qc : dict
        QC record.

    Returns
    -------
    list of str
        Empty for a scan that nobody meant to fuse.
    """
    fusion = record(qc)
    if not fusion:
        return []
    names = [str(scan.get('name')) for scan in fusion.get('scans') or ()]
    own, reference = _own_name(qc), fusion.get('reference')
    role = fusion.get('role')
    if role == 'alone':
        reasons = {one.get('name'): one.get('reason') for one in fusion.get('left_out') or ()}
        return [f'It was meant to be fused with others, and stands alone: {reasons.get(own)}.']
    if role == 'fused':
        kind = qc.get('modality')
        same = [s.get('name') for s in fusion['scans'] if s.get('modality') == kind]
        others = [name for name in names if name not in same]
        text = f'This image is what {_listed(same)} have in common: they were fitted in one field.'
        if others:
            text += f' It shares its tissues with {_listed(others)}.'
        text += f' It lies in the world of {reference}, on axes and field of view of that scan.'
        return [text]
    others = [name for name in names if name != own]
    text = f'It was fitted in one field with {_listed(others)}'
    output = fusion.get('output')
    if output != own:
        return [f'{text}; the enhanced image is in the section of {output}.']
    text += ', which share its tissues.'
    if reference != own:
        text += (
            f' The enhanced image was written in the world of {reference}, on axes and field of '
            'view of that scan; the figures show it where this scan lies.'
        )
    return [text]


def rows(qc):
    """Return one row a fused scan: name, motion, similarity before and after.

    Parameters
    ----------
    qc : dict
        QC record.

    Returns
    -------
    list of tuple
        Scan, rotation, shift, measure, before, after.
    """
    fusion = record(qc)
    if fusion.get('role') == 'alone':
        return []
    found = {one.get('name'): k for k, one in enumerate(fusion.get('registrations') or ())}
    table = []
    for scan in fusion.get('scans') or ():
        name = str(scan.get('name'))
        if name == fusion.get('reference'):
            table.append((name, 'reference', '', '', '', ''))
            continue
        key = f'fusion.registrations.{found.get(name)}'
        rotation, shift, before, after = (
            shown(qc, f'{key}.{what}', 3)
            for what in ('rotation_deg', 'translation_mm', 'similarity_before', 'similarity_after')
        )
        measure = str(at(qc, f'{key}.measure') or '')
        table.append((name, rotation + DEGREE, shift + ' mm', measure, before, after))
    return table


def left_out(qc):
    """Return ``(name, reason)`` of scans that were meant to be fused with this one."""
    fusion = record(qc)
    if fusion.get('role') == 'alone':
        return []
    return [(str(one.get('name')), str(one.get('reason'))) for one in fusion.get('left_out') or ()]


def _own_name(qc):
    """Return the name of the scan that a record is of."""
    path = str(qc.get('source') or '').rpartition('/')[2]
    return path.partition('.')[0]


def _listed(names):
    *first, last = names
    return f'{", ".join(first)} and {last}' if first else str(last)
