"""What a decorated function is to the registry of metrics."""

import math

import pytest

from ulfprep.metrics import registry
from ulfprep.metrics.registry import Metric, NotMeasured, Rule, measure, measures
from ulfprep.metrics.verdict import judge
from ulfprep.record import Verdict

BRIGHT = Metric(
    'bright', 'Brightness', 'How bright it is.', 'Its mean.', 'A new heading', unit='ml',
    better='higher', rule=Rule('it is dark', low=2.0, least=0.5),
)  # fmt: skip
DULL = Metric('dull', 'Dullness', 'How dull it is.', 'One over its mean.', 'A new heading')


@pytest.fixture
def register(monkeypatch):
    """Return a function that puts functions into an otherwise empty registry."""

    def put(*functions):
        monkeypatch.setattr(registry, '_functions', lambda: functions)
        registry.all_metrics.cache_clear()

    yield put
    registry.all_metrics.cache_clear()


def test_a_function_brings_its_metrics_their_rules_and_their_entries(register):
    @measures(BRIGHT, DULL, of='enhance')
    def both(value):
        return value, 1 / value

    register(both)
    assert measure(4.0, 'enhance') == ({'bright': 4.0, 'dull': 0.25}, {})
    assert measure(4.0, 'simulate') == ({}, {})
    assert registry.names_of('enhance') == ('bright', 'dull')
    assert judge({'bright': 1.0}, 'enhance') == Verdict(
        'look', ('bright is 1 (at least 2 expected): it is dark',)
    )  # fmt: skip
    assert judge({'bright': 0.1}, 'enhance').level == 'failed'
    assert judge({'bright': 0.1}, 'simulate').level == 'usable'
    assert BRIGHT.entry()['Units'] == 'ml'
    assert 'Ideal' not in BRIGHT.entry()


@pytest.mark.parametrize('found', [math.nan, math.inf])
def test_what_is_not_finite_is_null_with_a_reason(register, found):
    @measures(BRIGHT, of='enhance', otherwise='there is no light')
    def one(_):
        return found

    register(one)
    assert measure(None, 'enhance') == ({'bright': None}, {'bright': 'there is no light'})


def test_a_function_may_say_itself_why_it_measures_nothing(register):
    @measures(BRIGHT, DULL, of=('enhance', 'simulate'), otherwise='not this')
    def none(_):
        raise NotMeasured('the eye is closed')

    register(none)
    values, reasons = measure(None, 'simulate')
    assert values == {'bright': None, 'dull': None}
    assert set(reasons.values()) == {'the eye is closed'}
