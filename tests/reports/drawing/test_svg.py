"""Figures as files."""

import base64
import io
import re

import numpy as np
import pytest

from ulfprep.reports.drawing.sheet import Sheet
from ulfprep.reports.drawing.slices import centre_row
from ulfprep.reports.drawing.style import figure_style, new_figure, save_svg
from ulfprep.reports.drawing.volumes import place


def pictures(text):
    """Return the pictures stored in an SVG, and their kinds."""
    from PIL import Image

    found = re.findall(r'data:image/(\w+);base64,([^"]+)"', text)
    return [(kind, Image.open(io.BytesIO(base64.b64decode(data)))) for kind, data in found]


def drawn(image, tmp_path, count=1, **options):
    with figure_style(dark=True):
        figure = new_figure(4, 2)
        for number in range(count):
            axes = figure.add_axes((number / count, 0, 1 / count, 1))
            axes.imshow(image, interpolation='none', **options)
        return save_svg(figure, tmp_path / 'figure.svg').read_text()


def test_a_noisy_slice_is_stored_as_a_grey_jpeg_close_to_it(tmp_path):
    image = np.random.default_rng(0).normal(0.5, 0.1, (120, 100)).clip(0, 1)
    ((kind, picture),) = pictures(drawn(image, tmp_path, cmap='gray', vmin=0, vmax=1))
    assert (kind, picture.mode) == ('jpeg', 'L')
    error = np.asarray(picture, float) - 255 * image
    assert np.abs(error).mean() < 4


def test_a_map_keeps_every_colour_and_its_holes(tmp_path):
    image = np.where(np.arange(60) % 2, np.nan, 1.0) * np.ones((40, 1))
    ((kind, picture),) = pictures(drawn(image, tmp_path, cmap='viridis'))
    assert kind == 'png'
    pixels = np.asarray(picture.convert('RGBA'))
    assert pixels[:, 1::2, 3].max() == 0
    assert pixels[:, ::2, 3].min() == 255


def test_labels_on_slices_have_a_dark_ground(tmp_path):
    mask = place(np.ones((20, 24, 10)), np.diag([8.0, 8.0, 16.0, 1.0]))
    with figure_style(dark=True):
        sheet = Sheet([centre_row(mask)], ('only',))
        labels = [text for axes in sheet.figure.axes for text in axes.texts]
    assert labels
    assert all(text.get_bbox_patch().get_facecolor()[:3] == (0, 0, 0) for text in labels)


@pytest.mark.parametrize('smooth', [True, False])
def test_voxels_are_shown_as_they_are_unless_asked(tmp_path, smooth):
    with figure_style(dark=True):
        figure = new_figure(2, 2)
        figure.add_axes((0, 0, 1, 1)).imshow(np.eye(9), interpolation='none')
        text = save_svg(figure, tmp_path / 'f.svg', smooth=smooth).read_text()
    assert ('image-rendering' in text) is not smooth
