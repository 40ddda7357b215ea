"""The figure of where scan and network disagree."""

import numpy as np
import pytest
from phantom_files import lesion

from ulfprep.reports.drawing.maps import (
    FULL,
    LEAST,
    _beyond_least,
    disagreement,
    in_usual_units,
    lightly_averaged,
)
from ulfprep.reports.drawing.style import figure_style
from ulfprep.reports.drawing.volumes import load, place


@pytest.fixture(scope='module')
def volumes(files):
    return {name: load(files[name]) for name in ('preproc', 'brain_mask', 'disagreement')}


def test_a_lesion_has_a_colour_and_noise_has_none(volumes):
    scan, mask, surprise = volumes.values()
    inside = mask.data > 0
    shown = in_usual_units(lightly_averaged(surprise, inside))
    there = lesion(shown.shape, surprise.zooms) & inside
    assert (shown[there] > LEAST).mean() > 0.95
    assert 0.9 < shown[inside & ~there].std() < 1.6
    assert (np.abs(shown[inside & ~there]) > LEAST).mean() < 0.01
    assert np.isnan(shown[~inside]).all()


def test_the_average_does_not_fade_at_the_rim():
    inside = np.zeros((20, 20, 10), bool)
    inside[4:16, 4:16, 2:8] = True
    volume = place(np.where(inside, 5.0, 0), np.diag([1.6, 1.6, 5.0, 1.0]))
    np.testing.assert_allclose(lightly_averaged(volume, inside)[inside], 5, rtol=1e-5)


def test_there_is_no_colour_up_to_three_and_one_that_tells_the_sign_beyond():
    values = np.array([-FULL, -LEAST - 1, -2, 0, 2, LEAST + 1, FULL])
    colours = _beyond_least()(values / (2 * FULL) + 0.5)
    np.testing.assert_array_equal(colours[:, 3] > 0, [1, 1, 0, 0, 0, 1, 1])
    assert (colours[:2, 2] > colours[:2, 0]).all()
    assert (colours[5:, 0] > colours[5:, 2]).all()


def test_the_map_stands_above_the_scan_with_one_scale(volumes):
    with figure_style(dark=True):
        figure = disagreement(*volumes.values())
    panels = [axes for axes in figure.axes if axes.get_images()]
    assert [len(axes.get_images()) for axes in panels] == [1, 1, 1, 2, 2, 2]
    assert {axes.get_images()[-1].get_clim() for axes in panels} == {(-FULL, FULL)}
    (bar,) = (axes for axes in figure.axes if axes.get_xlabel())
    assert 'usual in this scan' in bar.get_xlabel()
    assert {-LEAST, LEAST} <= set(bar.get_xticks())
    assert any(f'beyond {LEAST:g}' in text.get_text() for text in figure.texts)


@pytest.mark.parametrize('value', [0.0, np.nan])
def test_a_scan_that_agrees_everywhere_or_was_not_compared_is_a_picture_too(volumes, value):
    scan, mask, surprise = volumes.values()
    nothing = surprise._replace(data=np.zeros_like(surprise.data))
    with figure_style(dark=True):
        assert disagreement(scan, mask, nothing).axes
    np.testing.assert_array_equal(in_usual_units(np.full((2, 2), value)), value)
