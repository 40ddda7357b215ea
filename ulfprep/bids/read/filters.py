"""Which images a ``--bids-filter-file`` lets through."""

import json
import re

from ulfprep.bids.names import ENTITIES
from ulfprep.settings import MODALITIES

#: What else a filter may name: parts of the path that are no entities.
PARTS = ('datatype', 'suffix', 'extension')
#: Queries of other BIDS Apps, which a file may hold for them.
UNUSED = (
    'anat', 'asl', 'bold', 'dwi', 'fmap', 'func', 'm0scan', 'mask', 'megre', 'pdw', 'perf',
    'pet', 'roi', 'sbref', 't2star', 't2starw',
)  # fmt: skip
#: Any value will do, but there must be one.
ANY = '*'
#: Query -> entity -> values.
Filters = dict[str, dict[str, list[str | None]]]
_USED = {modality.lower(): modality for modality in MODALITIES}
_KEYS = {
    **{short: entity for entity, short in ENTITIES.items()},
    **{name: name for name in (*ENTITIES, *PARTS)},
}
_LABEL = re.compile(r'[0-9A-Za-z+]+')
_EXTENSION = re.compile(r'\.?[0-9A-Za-z]+(\.[0-9A-Za-z]+)*')
#: Entities that count: ``run-01`` is ``run-1``.
_INDICES = frozenset({'run', 'echo', 'flip', 'inv', 'chunk'})


def parse_filters(text: str, name: str) -> Filters:
    """Return what a filter file called ``name`` asks for.

    JSON: ``{query: {entity: value}}``. Queries are the modalities in any case (``t1w``), entities
    go by their long or short names. A value is text or a whole number, a list of those (any of
    them), ``null`` (the entity must be absent) or ``"*"`` (it must be there). Queries of other
    BIDS Apps are kept by name alone. As JSON, this function takes its result again. A ValueError
    is one line that names the file and the way out.
    """
    try:
        content = json.loads(text, object_pairs_hook=_pairs)
    except _DuplicateError as error:
        raise ValueError(f'{name}: {error} is there twice; leave one') from error
    except (ValueError, RecursionError) as error:
        reason = ' '.join(str(error).split()).encode('ascii', 'backslashreplace').decode()
        if isinstance(error, RecursionError):
            reason = 'nested too deeply'
        raise ValueError(f'{name}: not readable as JSON ({reason[:80]}); mend the file') from error
    if not isinstance(content, dict):
        raise ValueError(
            f'{name}: must hold a JSON object such as {{"T1w": {{"session": "A"}}}}; mend the file'
        )
    queries: Filters = {}
    for key, wishes in content.items():
        query = _USED.get(key.lower(), key.lower())
        if query not in MODALITIES and query not in UNUSED:
            raise ValueError(
                f'{name}: there is no query {_quoted(key)}; use {", ".join(MODALITIES)} (those of '
                f'other BIDS Apps are passed over: {", ".join(UNUSED)})'
            )
        if query in queries:
            raise ValueError(f'{name}: the query {_quoted(key)} is there twice; leave one')
        queries[query] = {} if query in UNUSED else _query(wishes, query, name)
    return queries


class _DuplicateError(Exception):
    """A key of the JSON text that is there twice."""


def _pairs(pairs: list[tuple]) -> dict:
    """Return an object of the JSON text; what is said twice is unclear."""
    content: dict = {}
    for key, value in pairs:
        if key in content:
            raise _DuplicateError(_quoted(key))
        content[key] = value
    return content


def _query(wishes, query: str, name: str) -> dict:
    """Return what one query asks of an image, entities by their long names."""
    if not isinstance(wishes, dict):
        raise ValueError(
            f'{name}: {query} must be an object of entities such as {{"session": "A"}}'
        )
    found: dict[str, list] = {}
    for key, wish in wishes.items():
        entity = _KEYS.get(key.lower())
        if entity is None:
            known = ', '.join(f'{e} ({s})' if e != s else e for e, s in ENTITIES.items())
            raise ValueError(
                f'{name}: {query}: there is no entity {_quoted(key)}; use {known}, '
                f'{", ".join(PARTS)}'
            )
        if entity in found:
            raise ValueError(f'{name}: {query}: {entity} is there twice; leave one')
        values = wish if isinstance(wish, list) else [wish]
        if not values:
            raise ValueError(
                f'{name}: {query}: {entity}: an empty list lets nothing through; leave it out, '
                'or use null for "absent"'
            )
        found[entity] = [_value(value, entity, f'{name}: {query}: {entity}') for value in values]
    return found


def _value(value, entity: str, where: str) -> str | None:
    """Return one value as text; refuse what no file name can hold."""
    if value is None or value == ANY:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        kind = {dict: 'an object', list: 'a list'}.get(type(value)) or json.dumps(value)
        raise ValueError(
            f'{where}: {kind} is no label; use text, a whole number, null (absent), '
            '"*" (any) or a list of those'
        )
    value = value.removeprefix(f'{ENTITIES.get(entity, entity)}-')
    pattern = _EXTENSION if entity == 'extension' else _LABEL
    if not pattern.fullmatch(value):
        kind = 'extension' if entity == 'extension' else 'BIDS label (letters, digits and +)'
        raise ValueError(f'{where}: {_quoted(value)} is no {kind}; mend the file')
    return value


def _quoted(text: str) -> str:
    """Return text on one line, in plain characters, not longer than a line can bear."""
    return json.dumps(text if len(text) <= 60 else f'{text[:60]}...')


def unused_queries(filters: Filters) -> list[str]:
    """Return the queries of a filter that ulfprep passes over."""
    return sorted(query for query in filters if query not in MODALITIES)


def mismatch(
    filters: Filters, entities: dict[str, str], suffix: str, extension: str = '.nii.gz'
) -> str:
    """Return what a filter asks of an image that it has not (``run is 2, not 1``), or nothing."""
    has = {**entities, 'datatype': 'anat', 'suffix': suffix, 'extension': extension.lstrip('.')}
    for entity, wanted in filters.get(suffix, {}).items():
        value = has.get(entity)
        if not any(_same(entity, wish, value) for wish in wanted):
            found = f'is {value}' if value is not None else 'is absent'
            wishes = ' or '.join({None: 'absent', ANY: 'any'}.get(w, w) for w in wanted)
            return f'{entity} {found}, not {wishes}'
    return ''


def _same(entity: str, wish: str | None, value: str | None) -> bool:
    """Tell whether a value is the one that was asked for."""
    if wish is None or value is None:
        return wish is None and value is None
    if wish == ANY:
        return True
    if entity in _INDICES and wish.isdigit() and value.isdigit():
        return wish.lstrip('0') == value.lstrip('0')
    if entity == 'extension':
        wish = wish.lstrip('.')
    return wish == value
