"""What a report says of the high-field reference that a scan was measured against."""

from markupsafe import Markup

from ulfprep.reports.values import at, shown, tesla


def reference_rows(qc: dict) -> list[tuple[str, str]]:
    """Return ``(name, value)`` of the reference; none where nothing was compared.

    Parameters
    ----------
    qc : dict
        QC record.
    """
    record = qc.get('reference')
    if not isinstance(record, dict):
        return []

    def measured(name, digits=3):
        return shown(qc, f'reference.{name}', digits)

    return [
        ('Reference', str(record.get('source'))),
        ('Field strength', tesla(qc, 'reference.field_T')),
        (
            'Registered rigidly',
            Markup('turned by {}\u00b0 and moved by {} mm').format(
                measured('rotation_deg'), measured('translation_mm')
            ),
        ),
        (
            f'Likeness ({record.get("measure") or "measure not recorded"})',
            Markup('{} before, {} after').format(
                measured('similarity_before'), measured('similarity_after')
            ),
        ),
        ('Compared inside', str(at(qc, 'reference.mask') or 'not recorded')),
        ('Intensities', str(at(qc, 'reference.intensities') or 'not recorded')),
    ]
