"""Filters of images: what they let through, and what is wrong with them, said in one line."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ulfprep.bids.names import ENTITIES
from ulfprep.bids.read.filters import UNUSED, mismatch, parse_filters, unused_queries

SCAN = {'subject': '01', 'session': 'A', 'acquisition': 'x', 'run': '01'}


def passes(wishes, entities=SCAN, suffix='T1w', **more):
    text = parse_filters(json.dumps({'T1w': wishes}), 'own.json')
    return not mismatch(text, entities, suffix, **more)


@pytest.mark.parametrize(
    ('wishes', 'expected'),
    [
        ({}, True),
        ({'session': 'A'}, True),
        ({'ses': 'A'}, True),
        ({'SESSION': 'A'}, True),
        ({'session': 'ses-A'}, True),
        ({'session': 'a'}, False),
        ({'session': ['B', 'A']}, True),
        ({'session': ['B', 'C']}, False),
        ({'session': None}, False),
        ({'session': '*'}, True),
        ({'reconstruction': None}, True),
        ({'rec': '*'}, False),
        ({'rec': [None, 'y']}, True),
        ({'run': 1}, True),
        ({'run': '1'}, True),
        ({'run': '001'}, True),
        ({'run': 10}, False),
        ({'run': [2, 3]}, False),
        ({'acquisition': 'x', 'run': 2}, False),
        ({'subject': 1}, False),
        ({'subject': '01'}, True),
        ({'datatype': 'anat', 'suffix': 'T1w', 'space': None, 'desc': None}, True),
        ({'datatype': 'func'}, False),
        ({'extension': ['.nii', '.nii.gz']}, True),
        ({'extension': '.nii'}, False),
    ],
)
def test_what_a_filter_lets_through(wishes, expected):
    assert passes(wishes) is expected


def test_a_query_is_of_its_modality_alone_whatever_its_case():
    for key in ('T1w', 't1w', 'T1W'):
        text = parse_filters(json.dumps({key: {'session': 'B'}}), 'own.json')
        assert mismatch(text, SCAN, 'T1w')
        assert not mismatch(text, SCAN, 'T2w')
    text = parse_filters('{"flair": {"run": "*"}}', 'own.json')
    assert mismatch(text, {'subject': '01'}, 'FLAIR')


def test_why_an_image_is_left_out_is_said():
    text = parse_filters('{"T1w": {"run": [2, 3], "ce": "*"}}', 'own.json')
    assert mismatch(text, {**SCAN, 'ceagent': 'gad'}, 'T1w') == 'run is 01, not 2 or 3'
    assert mismatch(text, {**SCAN, 'run': '2'}, 'T1w') == 'ceagent is absent, not any'


def test_queries_of_other_apps_are_passed_over_but_named():
    content = {'bold': {'task': 'rest', 'echo': [1, {}]}, 'fmap': [], 'T1w': {'session': 'A'}}
    text = parse_filters(json.dumps(content), 'own.json')
    assert unused_queries(text) == ['bold', 'fmap']
    assert not mismatch(text, SCAN, 'T1w')
    for query in UNUSED:
        assert unused_queries(parse_filters(json.dumps({query: {}}), 'own.json')) == [query]


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('', 'not readable as JSON'),
        ('{"T1w": ', 'not readable as JSON'),
        ('[' * 100_000, 'not readable as JSON'),
        ('{"T1w":' * 100_000, 'not readable as JSON'),
        ('{"T1w": {"run": ' + '9' * 5000 + '}}', 'not readable as JSON'),
        ('[]', 'must hold a JSON object'),
        ('null', 'must hold a JSON object'),
        ('{"T1": {}}', 'no query "T1"; use T1w, T2w, FLAIR'),
        ('{"T1w": []}', 'T1w must be an object'),
        ('{"T1w": {"sesion": "A"}}', 'no entity "sesion"; use subject (sub), session (ses)'),
        ('{"T1w": {"EchoTime": 1}}', 'no entity "EchoTime"'),
        ('{"T1w": {}, "t1w": {}}', '"t1w" is there twice'),
        ('{"T1w": {}, "T1w": {}}', '"T1w" is there twice'),
        ('{"T1w": {"run": 1, "run": 2}}', '"run" is there twice'),
        ('{"T1w": {"acq": "a", "acquisition": "a"}}', 'acquisition is there twice'),
        ('{"T1w": {"run": NaN}}', 'NaN is no label'),
        ('{"T1w": {"run": 1e999}}', 'Infinity is no label'),
        ('{"T1w": {"run": 1.5}}', '1.5 is no label'),
        ('{"T1w": {"run": true}}', 'true is no label'),
        ('{"T1w": {"run": {}}}', 'an object is no label'),
        ('{"T1w": {"run": [[1]]}}', 'a list is no label'),
        ('{"T1w": {"run": []}}', 'an empty list'),
        ('{"T1w": {"acq": "high-res"}}', '"high-res" is no BIDS label'),
        ('{"T1w": {"acq": ""}}', '"" is no BIDS label'),
        ('{"T1w": {"acq": "a\\nb\\udc80"}}', 'is no BIDS label'),
        ('{"a\\nb": {}}', 'no query "a\\nb"'),
    ],
)
def test_what_is_wrong_is_said_in_one_line_that_names_the_file(text, words):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the words are checked below
        parse_filters(text, 'own.json')
    said = str(error.value)
    assert said.startswith('own.json: ')
    assert words in said
    assert '\n' not in said
    assert len(said) < 700
    said.encode('ascii')


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(['*', 'A', '01', '.nii.gz']),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)
ENTITY = st.sampled_from([*ENTITIES, *ENTITIES.values(), 'suffix', 'datatype', 'extension'])
QUERY = st.sampled_from(['T1w', 't1w', 'T2w', 'FLAIR', 'flair', 'bold', 'fmap'])
CONTENT = st.dictionaries(
    QUERY | st.text(max_size=4),
    st.dictionaries(ENTITY | st.text(max_size=4), VALUES, max_size=3) | VALUES,
    max_size=3,
)
# Good files as well as broken ones, and text that is none.
TEXT = st.one_of(
    CONTENT.map(json.dumps),
    st.dictionaries(
        QUERY,
        st.dictionaries(ENTITY, st.sampled_from([None, '*', 1, 'A', ['A', None]]), max_size=3),
    ).map(json.dumps),
    CONTENT.map(json.dumps).map(lambda text: text[: len(text) // 2]),
    st.text(alphabet=st.characters(), max_size=30),
    st.text(alphabet='{}[]":,*0123456789eE.-NTaw1 \\u', max_size=40),
)


@settings(max_examples=1000, deadline=None)
@given(text=TEXT)
def test_any_text_is_a_filter_or_a_value_error(text):
    canonical, problem = None, ''
    try:
        canonical = parse_filters(text, 'own.json')
    except ValueError as error:
        problem = str(error)
    if canonical is None:
        assert problem.startswith('own.json: ')
        assert len(problem.splitlines()) == 1
        return
    canonical = json.dumps(canonical)
    # Stored settings are read back by the same function.
    again = parse_filters(canonical, 'settings')
    assert json.dumps(again) == canonical
    assert mismatch(again, SCAN, 'T1w') not in (True, False)
    unused_queries(again)
