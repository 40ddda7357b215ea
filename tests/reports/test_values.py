"""Numbers as a reader writes them, and as elements that say where they come from."""

import pytest

from ulfprep.reports.values import at, millimetres, number, shown, with_error

RECORD = {
    'metrics': {'rms': 1.02345, 'share': 0.2345, 'null': None, 'low': -0.5},
    'contrast': {'means': [120.0, 300.0, 400.0], 'errors': [2.0, 1.0, 0.0], 'name': 'a <b>'},
    'voxels': [1.600000023841858, 1.6, 5.0],
    'seed': 20250101,
    'on': True,
}


@pytest.mark.parametrize(
    ('value', 'shown'),
    [
        (None, 'n/a'), (3, '3'), (20250101, '20250101'), (2.0, '2'), (0.123456, '0.1235'),
        (1156.7, '1157'), (1234567.8, '1.235e+06'), (-2.8e-14, '0'), (-0.5, '\u22120.5'),
        (True, 'yes'), ('text', 'text'),
    ],
)  # fmt: skip
def test_numbers(value, shown):
    assert number(value) == shown


def test_a_shown_number_keeps_its_value_and_its_place_in_the_file():
    assert shown(RECORD, 'metrics.rms', 3) == (
        '<data value="1.02345" data-key="metrics.rms">1.02</data>'
    )
    assert shown(RECORD, 'contrast.means.1') == (
        '<data value="300.0" data-key="contrast.means.1">300</data>'
    )
    assert 'data-scale="100">23.4</data>' in shown(RECORD, 'metrics.share', 3, scale=100)
    assert 'data-over="contrast.means.2">0.75</data>' in shown(
        RECORD, 'contrast.means.1', over='contrast.means.2'
    )
    assert shown(RECORD, 'metrics.low', places=2).endswith('>\u22120.50</data>')


def test_what_is_no_number_is_text_and_escaped():
    assert shown(RECORD, 'contrast.name') == 'a &lt;b&gt;'
    assert shown(RECORD, 'on') == 'yes'
    for key in ('metrics.null', 'metrics.none', 'contrast.means.9', 'seed.x', 'nothing.at.all'):
        assert at(RECORD, key) is None
        assert shown(RECORD, key) == 'n/a'


def test_lists_and_mappings_are_shown_number_by_number():
    assert shown(RECORD, 'voxels', 2).count('<data ') == 3
    assert (
        shown(RECORD, 'metrics').striptags() == 'rms 1.023, share 0.2345, null n/a, low \u22120.5'
    )
    assert shown({'x': []}, 'x') == shown({'x': {}}, 'x') == '\u2013'


def test_lengths_of_single_precision_headers_are_short():
    assert millimetres(RECORD, 'voxels').striptags() == '1.6 \u00d7 1.6 \u00d7 5 mm'
    assert 'value="1.600000023841858"' in millimetres(RECORD, 'voxels')
    assert millimetres(RECORD, 'nothing') == 'not recorded'


def test_a_value_ends_where_its_error_begins():
    pair = with_error(RECORD, 'contrast.means.0', 'contrast.errors.0', over='contrast.means.2')
    assert pair.striptags() == '0.3000 \u00b1 0.0050'
    # Without an error there is none to print.
    assert with_error(RECORD, 'contrast.means.2', 'contrast.errors.2').striptags() == '400'
