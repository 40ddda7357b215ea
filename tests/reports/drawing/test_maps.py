"""The figures of bias correction, of what the fit changed, of where scan and network disagree."""

import numpy as np
import pytest
from phantom_files import lesion

from ulfprep.metrics.tissue_change import MOVES
from ulfprep.reports.drawing.maps import (
    FULL,
    LEAST,
    _beyond_least,
    _codes,
    _table,
    bias,
    change,
    disagreement,
    in_usual_units,
    lightly_averaged,
    move_colour,
)
from ulfprep.reports.drawing.volumes import load, place

GM_TO_WM = MOVES.index(('GM', 'WM')) + 1


@pytest.fixture
def bias_figure(volumes):
    return bias(*map(volumes.get, ('scan', 'bias_field', 'preproc', 'brain_mask', 'dseg')))


@pytest.fixture(scope='module')
def compared(files):
    """Scan, mask and disagreement, fine enough for a lesion."""
    return [load(files[name]) for name in ('preproc', 'brain_mask', 'disagreement')]


def charts(figure):
    return [axes for axes in figure.axes if len(axes.get_lines()) == 4]


def pictured(figure):
    return [axes for axes in figure.axes if axes.get_images()]


def test_the_charts_show_the_field_before_and_level_lines_after(bias_figure):
    across, *others = charts(bias_figure)
    assert len(others) == 2
    # The phantom's field rises from 0.85 to 1.15 from left to right.
    white_before, white_after, grey_before, grey_after = (
        line.get_ydata() for line in across.get_lines()
    )
    assert np.nanmax(white_before) / np.nanmin(white_before) > 1.15
    assert np.nanmax(white_after) / np.nanmin(white_after) < 1.06
    assert np.nanmedian(white_after / grey_after) == pytest.approx(4 / 3, abs=0.05)
    assert np.nanmedian(white_before / grey_before) == pytest.approx(4 / 3, abs=0.05)


def test_positions_in_the_charts_are_those_of_the_pictures(bias_figure, volumes):
    mask = volumes['brain_mask']
    for axis, axes in enumerate(charts(bias_figure)):
        x = axes.get_lines()[0].get_xdata()
        inside = np.flatnonzero(mask.data.any(axis=tuple(a for a in range(3) if a != axis)))
        low = mask.low[axis] + inside[0] * mask.zooms[axis]
        high = mask.low[axis] + (inside[-1] + 1) * mask.zooms[axis]
        assert low < x[0] < x[-1] < high
        assert x.mean() == pytest.approx((low + high) / 2)


def test_both_pictures_share_one_window_and_lie_in_columns(bias_figure):
    panels = pictured(bias_figure)[:9]
    assert len({panels[k].get_images()[0].get_clim() for k in (0, 2, 3, 5, 6, 8)}) == 1
    left = np.array([axes.get_position().x0 for axes in panels]).reshape(3, 3)
    np.testing.assert_allclose(left, left[:1].repeat(3, axis=0))


def test_a_factor_and_its_inverse_are_equally_far_from_one(volumes):
    field = volumes['bias_field']
    strong = field._replace(data=np.where(field.data > 1, 2.0, 0.9))
    figure = bias(volumes['scan'], strong, volumes['preproc'], volumes['brain_mask'])
    norm = pictured(figure)[1].get_images()[0].norm
    assert norm.vmin * norm.vmax == pytest.approx(1)
    assert norm(2.0) == pytest.approx(1, abs=1e-3)
    assert norm(1.0) == pytest.approx(0.5)


def test_volumes_stand_beside_their_colours(volumes):
    names = ('preproc', 'brain_mask', 'tissue_change', 'tissue_move')
    figure = change(*map(volumes.get, names), {'moved_gm_to_wm': 12.34})
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {'GM \u2192 WM  12.3 ml', 'WM \u2192 GM'} <= set(told)
    assert len(told) == len(MOVES)


def test_a_move_has_its_colour_where_it_is_large_enough():
    amount = np.array([0.0, 0.05, 0.1, 0.5, 1.0])
    move = np.array([0, GM_TO_WM, GM_TO_WM, GM_TO_WM, GM_TO_WM], np.uint8)
    colours = _table()[_codes(amount, move)]
    np.testing.assert_array_equal(colours[:2, 3], 0)
    np.testing.assert_allclose(colours[2:, :3], np.tile(move_colour(('GM', 'WM')), (3, 1)))
    assert 0 < colours[2, 3] < colours[3, 3] == colours[4, 3] == 1


def test_nothing_that_changed_is_a_picture_too():
    mask = place(np.ones((12, 14, 8), np.uint8), np.diag([8.0, 8.0, 16.0, 1.0]))
    nothing = mask._replace(data=np.zeros(mask.data.shape, np.float32))
    figure = change(mask, mask, nothing, nothing, {})
    assert len(figure.legends[0].get_texts()) == len(MOVES)


def test_a_lesion_has_a_colour_and_noise_has_none(compared):
    _, mask, surprise = compared
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


def test_the_map_stands_above_the_scan_with_one_scale(compared):
    figure = disagreement(*compared)
    panels = pictured(figure)
    assert [len(axes.get_images()) for axes in panels] == [1, 1, 1, 2, 2, 2]
    assert {axes.get_images()[-1].get_clim() for axes in panels} == {(-FULL, FULL)}
    (bar,) = (axes for axes in figure.axes if axes.get_xlabel())
    assert 'usual in this scan' in bar.get_xlabel()
    assert {-LEAST, LEAST} <= set(bar.get_xticks())
    assert any(f'beyond {LEAST:g}' in text.get_text() for text in figure.texts)


@pytest.mark.parametrize('value', [0.0, np.nan])
def test_a_scan_that_agrees_everywhere_or_was_not_compared_is_a_picture_too(compared, value):
    scan, mask, surprise = compared
    assert disagreement(scan, mask, surprise._replace(data=0 * surprise.data)).axes
    np.testing.assert_array_equal(in_usual_units(np.full((2, 2), value)), value)
