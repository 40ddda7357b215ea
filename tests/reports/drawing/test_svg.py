"""What figures are made smaller by must not show."""

import base64
import io
import re

import numpy as np
import pytest

from ulfprep.reports.drawing.sheet import Sheet, centre_row
from ulfprep.reports.drawing.style import figure_style, new_figure, save_svg
from ulfprep.reports.drawing.svg import HALO, shrink
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


def test_a_picture_with_holes_keeps_them(tmp_path):
    image = np.where(np.arange(60) % 2, np.nan, 1.0) * np.ones((40, 1))
    ((kind, picture),) = pictures(drawn(image, tmp_path, cmap='viridis'))
    assert (kind, picture.mode) == ('png', 'P')
    assert np.asarray(picture.convert('RGBA'))[:, 1::2, 3].max() == 0
    assert np.asarray(picture.convert('RGBA'))[:, ::2, 3].min() == 255


def test_what_is_shown_twice_is_stored_once(tmp_path):
    image = np.random.default_rng(0).random((50, 50))
    text = drawn(image, tmp_path, count=2, cmap='gray')
    assert len(pictures(text)) == 1
    (name,) = re.findall(r'<image id="(\w+)"', text)
    # The second stands half the figure (two inches of 72 points) to the right.
    (moved,) = re.findall(rf'<use xlink:href="#{name}" transform="matrix\(([^)]*)\)"', text)
    np.testing.assert_allclose([float(n) for n in moved.split()], [1, 0, 0, 1, 144, 0], atol=1e-3)


def test_lines_keep_their_points_to_a_tenth(tmp_path):
    path = 'M 10.04 20.06 ' + ' '.join(
        f'L {10 + 0.333 * n:.6f} {20 - 0.717 * n:.6f}' for n in range(99)
    )
    text = shrink(f'<path d="{path} z"/>')
    short = re.search(r' d="([^"]*)"', text)[1]
    assert len(short) < len(path) / 2
    assert short.endswith('z')
    steps = re.findall(r'[Ml]|-?\d*\.?\d+', short.replace('l', ' l '))
    at, position = [], np.zeros(2)
    while steps:
        command, x, y = steps.pop(0), float(steps.pop(0)), float(steps.pop(0))
        position = np.array([x, y]) + (position if command == 'l' else 0)
        at.append(position)
    np.testing.assert_allclose(at[-1], [10 + 0.333 * 98, 20 - 0.717 * 98], atol=0.051)


def test_labels_on_slices_are_references_to_letters_with_a_halo():
    """Letters written out are most of a file; text on a bright slice needs its dark rim."""
    mask = place(np.ones((20, 24, 10)), np.diag([8.0, 8.0, 16.0, 1.0]))
    with figure_style(dark=True):
        sheet = Sheet([centre_row(mask)], ('only',))
        sheet.annotate(0)
        buffer = io.StringIO()
        sheet.figure.savefig(buffer, format='svg')
    assert HALO in buffer.getvalue()
    text = shrink(buffer.getvalue())
    assert HALO not in text
    assert 'stroke: #000; stroke-width: 1500' in text
    assert len(text) < 45e3


@pytest.mark.parametrize('smooth', [True, False])
def test_voxels_are_shown_as_they_are_unless_asked(tmp_path, smooth):
    with figure_style(dark=True):
        figure = new_figure(2, 2)
        figure.add_axes((0, 0, 1, 1)).imshow(np.eye(9), interpolation='none')
        text = save_svg(figure, tmp_path / 'f.svg', smooth=smooth).read_text()
    assert ('image-rendering' in text) is not smooth
