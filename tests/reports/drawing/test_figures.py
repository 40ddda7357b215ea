"""All figures of a scan as files, and the sheets that they are drawn on."""

import base64
import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from phantom_files import grid_affine, save
from records import SIMULATION

from ulfprep.bids.write.derivatives import FIGURES
from ulfprep.reports.drawing.figures import plot_scan
from ulfprep.reports.drawing.sheet import Sheet
from ulfprep.reports.drawing.slices import centre_row, overview, whole_and_close
from ulfprep.reports.drawing.style import figure_style, new_figure, save_svg
from ulfprep.reports.drawing.volumes import place

MASK = place(np.ones((20, 24, 10)), np.diag([8.0, 8.0, 16.0, 1.0]))


def test_every_figure_of_an_enhanced_scan_is_drawn(drawn):
    assert set(drawn) == set(FIGURES['enhance'])
    assert sum(path.stat().st_size for path in drawn.values()) < 2e6


@pytest.mark.parametrize('name', FIGURES['enhance'])
def test_a_figure_is_small_valid_and_needs_nothing_else(drawn, name):
    path = drawn[name]
    assert path.stat().st_size < (15e3 if name == 'thumbnail' else 3e5)
    text = path.read_text()
    ET.fromstring(text)
    # Pictures lie inside the file, glyphs are shapes, and nothing names a place on the net
    # (the names of XML namespaces are no addresses).
    links = re.findall(r'(?:href|src)="([^"]*)"', text)
    assert all(link.startswith(('data:image/png', 'data:image/jpeg', '#')) for link in links)
    for word in ('DOCTYPE', 'font-family', '<dc:date>'):
        assert word not in text


def test_same_files_give_the_same_bytes(tmp_path, coarse_files, plan, fit):
    first, second = (
        plot_scan(tmp_path / run / 's', direction='enhance', plan=plan, fit=fit, **coarse_files)
        for run in 'ab'
    )
    for name, path in first.items():
        assert path.read_bytes() == second[name].read_bytes(), name


def test_simulated_scan_on_its_own_grid(tmp_path, coarse_files, plan):
    result = np.full((14, 17, 10), 50, np.float32)
    size = (12.8, 12.8, 20.0)
    simulated = save(tmp_path / 'simulated.nii.gz', result, grid_affine(size))
    facts = replace(
        SIMULATION, voxel_size_mm=size, psf='gaussian', noise_sd=40.0, noise_fwhm_mm=0.0
    )
    common = ('scan', 'preproc', 'bias_field', 'brain_mask', 'dseg', 'disagreement')
    files = {name: coarse_files[name] for name in common} | {'simulated': simulated}
    figures = plot_scan(tmp_path / 's', direction='simulate', plan=plan, facts=facts, **files)
    assert set(figures) == set(FIGURES['simulate'])


def test_an_empty_mask_is_shown_and_does_not_crash(tmp_path, coarse_files, plan, fit):
    def empty(name, like):
        grid = nib.load(coarse_files[like])
        return save(tmp_path / name, np.zeros(grid.shape, np.uint8), grid.affine)

    files = coarse_files | {
        'brain_mask': empty('mask.nii.gz', 'scan'),
        'dseg': empty('dseg.nii.gz', 'scan'),
        'fine_dseg': empty('f.nii.gz', 'enhanced'),
    }
    figures = plot_scan(tmp_path / 's', direction='enhance', plan=plan, fit=fit, **files)
    assert set(figures) == set(FIGURES['enhance'])


def test_one_bad_figure_does_not_cost_the_others(tmp_path, coarse_files, plan):
    fit = {'history': {'step': ['x'], 'total': ['not a number']}}
    with pytest.raises(RuntimeError, match='could not draw loss: .*') as info:
        plot_scan(tmp_path / 's', direction='enhance', plan=plan, fit=fit, **coarse_files)
    assert info.value.__cause__ is not None
    written = {p.name for p in tmp_path.glob('*.svg')}
    assert 's_desc-enhancement.svg' in written
    assert 's_desc-loss.svg' not in written


def test_only_a_scan_gives_only_its_figure(tmp_path, coarse_files):
    figures = plot_scan(tmp_path / 's', direction='enhance', scan=coarse_files['scan'])
    assert list(figures) == ['tissues']


def test_flickering_figures_have_two_halves_of_equal_layout():
    """The page shows the upper or the lower half: their pictures must lie alike."""
    sheet = Sheet(whole_and_close(MASK, None), ('first', 'second'), side_by_side=True)
    assert sheet.height == pytest.approx(2 * sheet.half)
    for (panel, upper), (same, lower) in zip(*sheet.axes, strict=True):
        assert panel is same
        first, second = upper.get_position(), lower.get_position()
        np.testing.assert_allclose(first.y0 - 0.5, second.y0)
        np.testing.assert_allclose([first.x0, first.size[0]], [second.x0, second.size[0]])


def test_slices_keep_their_shape_in_millimetres():
    sheet = Sheet(overview(MASK), ('only',), foot=1.0)
    width, height = sheet.figure.get_size_inches()
    scales = []
    for _, axes in sheet.axes[0]:
        box = axes.get_position()
        scales.append(box.width * width / np.ptp(axes.get_xlim()))
        scales.append(box.height * height / np.ptp(axes.get_ylim()))
    np.testing.assert_allclose(scales, scales[0])


def test_labels_on_slices_have_a_dark_ground():
    sheet = Sheet([centre_row(MASK)], ('only',))
    labels = [text for axes in sheet.figure.axes for text in axes.texts]
    assert labels
    assert all(text.get_bbox_patch().get_facecolor()[:3] == (0, 0, 0) for text in labels)


def saved(image, tmp_path, smooth=False, **options):
    """Return an image as it stands in an SVG, its kind, and the text of the SVG."""
    from PIL import Image

    with figure_style(dark=True):
        figure = new_figure(4, 2)
        figure.add_axes((0, 0, 1, 1)).imshow(image, interpolation='none', **options)
        text = save_svg(figure, tmp_path / 'figure.svg', smooth).read_text()
    ((kind, data),) = re.findall(r'data:image/(\w+);base64,([^"]+)"', text)
    return Image.open(io.BytesIO(base64.b64decode(data))), kind, text


def test_a_noisy_slice_is_stored_as_a_grey_jpeg_close_to_it(tmp_path):
    image = np.random.default_rng(0).normal(0.5, 0.1, (120, 100)).clip(0, 1)
    picture, kind, _ = saved(image, tmp_path, cmap='gray', vmin=0, vmax=1)
    assert (kind, picture.mode) == ('jpeg', 'L')
    assert np.abs(np.asarray(picture, float) - 255 * image).mean() < 4


def test_a_map_keeps_every_colour_and_its_holes(tmp_path):
    image = np.where(np.arange(60) % 2, np.nan, 1.0) * np.ones((40, 1))
    picture, kind, _ = saved(image, tmp_path, cmap='viridis')
    assert kind == 'png'
    pixels = np.asarray(picture.convert('RGBA'))
    assert pixels[:, 1::2, 3].max() == 0
    assert pixels[:, ::2, 3].min() == 255


@pytest.mark.parametrize('smooth', [True, False])
def test_voxels_are_shown_as_they_are_unless_asked(tmp_path, smooth):
    assert ('image-rendering' in saved(np.eye(9), tmp_path, smooth)[2]) is not smooth
