"""The figures of bias correction and of what the fit changed."""

import numpy as np
import pytest

from ulfprep.reports.drawing.bias import bias
from ulfprep.reports.drawing.style import figure_style
from ulfprep.reports.drawing.volumes import load


@pytest.fixture
def volumes(coarse_files):
    return {name: load(path) for name, path in coarse_files.items()}


@pytest.fixture
def bias_figure(volumes):
    names = ('scan', 'bias_field', 'preproc', 'brain_mask', 'dseg')
    with figure_style(dark=True):
        return bias(*(volumes[name] for name in names))


def charts(figure):
    return [axes for axes in figure.axes if len(axes.get_lines()) == 4]


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


def test_a_factor_and_its_inverse_are_equally_far_from_one(volumes):
    field = volumes['bias_field']
    strong = field._replace(data=np.where(field.data > 1, 2.0, 0.9))
    names = ('preproc', 'brain_mask')
    with figure_style(dark=True):
        figure = bias(volumes['scan'], strong, *(volumes[name] for name in names))
    panels = [axes for axes in figure.axes if axes.get_images()]
    norm = panels[1].get_images()[0].norm
    assert norm.vmin * norm.vmax == pytest.approx(1)
    assert norm(2.0) == pytest.approx(1, abs=1e-3)
    assert norm(1.0) == pytest.approx(0.5)
