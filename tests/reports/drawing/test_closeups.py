"""Close-ups show cortex and deep grey matter, in slices that the figure shows whole."""

import numpy as np
import pytest

from ulfprep.reports.drawing.pictures import enhancement
from ulfprep.reports.drawing.slices import CORTEX, DEEP, deep_centre, whole_and_close
from ulfprep.reports.drawing.style import figure_style
from ulfprep.reports.drawing.volumes import PLANES, load


@pytest.fixture
def brain(coarse_files):
    dseg = load(coarse_files['fine_dseg'])
    return dseg._replace(data=(dseg.data > 0).astype(np.uint8)), dseg


def test_three_rows_of_the_same_slices(brain):
    whole, cortex, deep = whole_and_close(*brain)
    for name, row, size in (('cortex', cortex, CORTEX), ('deep grey matter', deep, DEEP)):
        assert [(p.plane, p.position) for p in row] == [(p.plane, p.position) for p in whole]
        assert {panel.name for panel in row} == {name}
        for panel in row:
            axes = PLANES[panel.plane][1:]
            np.testing.assert_allclose([panel.box.size(axis) for axis in axes], size)


def test_the_deep_grey_matter_is_in_the_middle_and_the_cortex_is_not(brain):
    mask, dseg = brain
    # Half axes of the phantom's head, from its middle in the middle of the field of view.
    middle = mask.low + np.array(mask.data.shape) * mask.zooms / 2
    half = np.array([65, 80, 60])
    centre = (deep_centre(mask, dseg) - middle) / half
    assert abs(centre[0]) < 0.1
    assert np.linalg.norm(centre) < 0.4
    for whole, panel in zip(*whole_and_close(mask, dseg)[:2], strict=True):
        _, right, up = PLANES[whole.plane]
        shown = (panel.box.low + panel.box.high) / 2
        assert np.linalg.norm(((shown - middle) / half)[[right, up]]) > 0.3


def test_without_tissues_or_without_a_brain_there_are_close_ups_all_the_same(brain):
    mask, _ = brain
    nothing = mask._replace(data=np.zeros_like(mask.data))
    for where in (mask, nothing):
        assert [len(row) for row in whole_and_close(where, None)] == [3, 3, 3]


def test_both_halves_of_the_figure_show_the_same_in_one_window(coarse_files):
    volumes = [load(coarse_files[name]) for name in ('bicubic', 'enhanced', 'fine_dseg')]
    with figure_style(dark=True):
        figure = enhancement(*volumes)
    panels = [axes for axes in figure.axes if axes.images]
    assert len(panels) == 2 * 9
    for first, second in zip(panels[:9], panels[9:], strict=True):
        assert first.images[0].get_clim() == second.images[0].get_clim()
        assert first.images[0].get_extent() == second.images[0].get_extent()
        assert (first.get_xlim(), first.get_ylim()) == (second.get_xlim(), second.get_ylim())
    # Frames of both close-ups lie on each whole slice.
    assert [
        len([line for line in axes.lines if line.get_linewidth() == 1]) for axes in panels[:3]
    ] == [2] * 3
