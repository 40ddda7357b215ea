"""Where a scan lies among others."""

import re

import pytest

from ulfprep.reports.place import comparable, numbers, ordinal, place


def test_only_scans_made_in_the_same_way_are_compared():
    rows = [
        {'bids_name': 'sub-1', 'direction': 'enhance', 'settings_hash': 'a', 'm': '1'},
        {'bids_name': 'sub-2', 'direction': 'enhance', 'settings_hash': 'a', 'm': 'n/a'},
        {'bids_name': 'sub-3', 'direction': 'enhance', 'settings_hash': 'b', 'm': '3'},
        {'bids_name': 'sub-4', 'direction': 'simulate', 'settings_hash': 'a', 'm': '4'},
        {'bids_name': 'sub-5', 'direction': 'enhance', 'settings_hash': 'a', 'm': '5'},
    ]
    others = comparable(rows, 'sub-1', 'enhance', 'a')
    assert [row['bids_name'] for row in others] == ['sub-2', 'sub-5']
    assert numbers(others, 'm') == [5.0]
    assert numbers(others, 'no such column') == []


@pytest.mark.parametrize(
    ('better', 'words'),
    [
        ('higher', '4th best of 5'),
        ('lower', '2nd best of 5'),
        ('ideal', 'best of 5'),
        ('none', 'higher than 1 of 4 others'),
    ],
)
def test_a_place_follows_what_is_good(better, words):
    assert place(2.0, [1.0, 3.0, 4.0, 5.0], better, ideal=1.9).words == words


def test_too_few_others_give_no_place():
    assert place(1.0, [1.0, 2.0]) is None


def test_the_rounding_of_the_table_costs_no_place():
    assert place(0.123456749, [0.123457] * 4, 'higher').words == 'best of 5'


def test_the_strip_has_a_dot_at_the_value_and_no_more_ticks_than_pixels():
    strip = place(10.0, [k / 1000 for k in range(10_000)]).strip
    assert strip.count('M') <= 133
    assert float(re.search(r'cx="([\d.]+)"', strip)[1]) == 127
    assert 'aria-label="higher than 10000 of 10000 others' in strip
    # All alike is no division by zero.
    assert place(1.0, [1.0] * 4).strip


def test_ordinals():
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 22, 101, 111)] == [
        '1st', '2nd', '3rd', '4th', '11th', '12th', '13th', '21st', '22nd', '101st', '111th',
    ]  # fmt: skip
