"""What was selected of a dataset and what was not, in words."""

from pathlib import Path

from ulfprep.bids.dataset import Scan, Selection
from ulfprep.bids.files import read_json, write_json
from ulfprep.bids.filters import unused_queries
from ulfprep.bids.names import session_name
from ulfprep.settings import Settings

#: Where the output folder holds what was selected of each session, for its report.
FOLDER = Path('logs/selection')
Place = tuple[str, str | None]


def session_images(selection: Selection, settings: Settings) -> dict[Place, list[tuple]]:
    """Return what became of every anatomical image of the sessions that are processed.

    Parameters
    ----------
    selection : Selection
    settings : Settings

    Returns
    -------
    dict
        Subject and session -> ``(file name, selected, sentence)`` of each image, by file name.
    """
    alike: dict[tuple, list[Scan]] = {}
    for scan in selection.scans:
        alike.setdefault((scan.subject, scan.session, scan.suffix), []).append(scan)
    found: dict[Place, list[tuple]] = {}
    for scans in alike.values():
        for number, scan in enumerate(scans, start=1):
            text = f'selected ({_one_of(number, len(scans), scan, settings)})'
            found.setdefault((scan.subject, scan.session), []).append((scan.path.name, True, text))
    for image in selection.left_out:
        place = (image.subject, image.session)
        if place in found:
            found[place].append((image.path.name, False, f'left out: {image.reason}'))
    return {place: sorted(found[place]) for place in sorted(found, key=_order)}


def selection_lines(selection: Selection, settings: Settings) -> list[str]:
    """Return what was selected for the log: a line an image, and one of all other sessions."""
    by_session = session_images(selection, settings)
    names = {scan.path.name: scan.name for scan in selection.scans}
    rows = [row for rows in by_session.values() for row in rows]
    lines = [f'{names.get(name, name)}: {text}' for name, _, text in rows]
    others = [i for i in selection.left_out if (i.subject, i.session) not in by_session]
    # Scans but for their names: nobody may be left out in silence for that.
    lines += [f'{i.path.name}: left out: {i.reason}' for i in others if i.misnamed]
    others = [image for image in others if not image.misnamed]
    if others:
        sessions = len({(image.subject, image.session) for image in others})
        lines.append(
            f'{len(others)} image(s) of {sessions} other session(s) left out, such as '
            f'{others[0].path.name}: {others[0].reason}'
        )
    if unused := unused_queries(settings.bids_filters):
        lines.append(f'--bids-filter-file: passed over as queries of others: {", ".join(unused)}')
    return lines


def write_selection(selection: Selection, settings: Settings) -> None:
    """Write what was selected of each session where its report finds it."""
    for (subject, session), rows in session_images(selection, settings).items():
        images = [{'image': name, 'selected': yes, 'text': text} for name, yes, text in rows]
        write_json(_record(settings.output_dir, subject, session), {'images': images})


def read_selection(output_dir: Path, subject: str, session: str | None) -> list[dict]:
    """Return what :func:`write_selection` wrote of a session; nothing where there is none.

    Returns
    -------
    list of dict
        ``image``, ``selected`` and ``text`` of each anatomical image of the session.
    """
    try:
        images = read_json(_record(output_dir, subject, session))['images']
        return [
            {'image': str(i['image']), 'selected': bool(i['selected']), 'text': str(i['text'])}
            for i in images
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _record(output_dir: Path, subject: str, session: str | None) -> Path:
    return Path(output_dir) / FOLDER / f'{session_name(subject, session)}.json'


def _one_of(number: int, count: int, scan: Scan, settings: Settings) -> str:
    """Say what becomes of a scan beside others of its kind."""
    whole = 'session' if scan.session else 'participant'
    if count == 1:
        return f'the only {scan.suffix} selected of this {whole}'
    together = 'each is processed by itself'
    if settings.fuse != 'none':
        together = f'--fuse {settings.fuse} says which are fitted together'
    return f'{number} of {count} {scan.suffix} in this {whole}; {together}'


def _order(place: Place) -> tuple:
    return place[0], place[1] or ''
