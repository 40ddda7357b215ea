"""The figure of where scan and network disagree."""

import numpy as np
import pytest
from phantom_files import lesion

from ulfprep.reports.drawing.disagreement import LEAST, _colours, disagreement, lightly_averaged
from ulfprep.reports.drawing.style import figure_style
from ulfprep.reports.drawing.volumes import load, place


@pytest.fixture(scope='module')
def volumes(files):
    return {name: load(files[name]) for name in ('preproc', 'brain_mask', 'disagreement')}


def test_a_lesion_has_a_colour_and_noise_has_none(volumes):
    scan, mask, surprise = volumes.values()
    inside = mask.data > 0
    shown = lightly_averaged(surprise, inside)
    there = lesion(shown.shape, surprise.zooms) & inside
    assert (shown[there] > LEAST).mean() > 0.95
    assert (np.abs(shown[inside & ~there]) > LEAST).mean() < 0.01
    assert np.isnan(shown[~inside]).all()


def test_the_average_does_not_fade_at_the_rim():
    inside = np.zeros((20, 20, 10), bool)
    inside[4:16, 4:16, 2:8] = True
    volume = place(np.where(inside, 5.0, 0), np.diag([1.6, 1.6, 5.0, 1.0]))
    np.testing.assert_allclose(lightly_averaged(volume, inside)[inside], 5, rtol=1e-5)


def test_there_is_no_colour_up_to_three_and_one_that_tells_the_sign_beyond():
    colours = _colours()(np.array([-8.0, -4, -2, 0, 2, 4, 8]) / 16 + 0.5)
    np.testing.assert_array_equal(colours[:, 3] > 0, [1, 1, 0, 0, 0, 1, 1])
    assert (colours[:2, 2] > colours[:2, 0]).all()
    assert (colours[5:, 0] > colours[5:, 2]).all()


def test_the_scan_stands_above_the_map_with_its_scale(volumes):
    with figure_style(dark=True):
        figure = disagreement(*volumes.values())
    panels = [axes for axes in figure.axes if axes.get_images()]
    assert [len(axes.get_images()) for axes in panels] == [1, 1, 1, 2, 2, 2]
    assert {axes.get_images()[1].get_clim() for axes in panels[3:]} == {(-8, 8)}
    assert len({axes.get_images()[0].get_clim() for axes in panels}) == 1
    (bar,) = (axes for axes in figure.axes if axes.get_xlabel())
    assert 's.d.' in bar.get_xlabel()
    assert any('beyond 3' in text.get_text() for text in figure.texts)


def test_a_scan_that_agrees_everywhere_is_a_picture_too(volumes):
    scan, mask, surprise = volumes.values()
    nothing = surprise._replace(data=np.zeros_like(surprise.data))
    with figure_style(dark=True):
        assert disagreement(scan, mask, nothing).axes
