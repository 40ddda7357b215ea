import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from phantom_files import grid_affine, save
from records import SIMULATION

from ulfprep.bids.write.figures import FIGURES
from ulfprep.reports.drawing.charts import LOSS_TERMS, loss
from ulfprep.reports.drawing.figures import plot_scan
from ulfprep.reports.drawing.pictures import averaged
from ulfprep.reports.drawing.sheet import Sheet
from ulfprep.reports.drawing.slices import overview, whole_and_close
from ulfprep.reports.drawing.volumes import place

FACTS = replace(
    SIMULATION,
    voxel_size_mm=(12.8, 12.8, 20.0),
    psf='gaussian',
    noise_sd=40.0,
    noise_fwhm_mm=0.0,
)


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
    assert 'DOCTYPE' not in text
    assert 'font-family' not in text
    assert '<dc:date>' not in text


def test_flickering_figures_have_two_halves_of_equal_layout():
    """The page shows the upper or the lower half: their pictures must lie alike."""
    mask = place(np.ones((20, 24, 10)), np.diag([8.0, 8.0, 16.0, 1.0]))
    sheet = Sheet(whole_and_close(mask, None), ('first', 'second'), side_by_side=True)
    assert sheet.height == pytest.approx(2 * sheet.half)
    for (panel, upper), (same, lower) in zip(*sheet.axes, strict=True):
        assert panel is same
        first, second = upper.get_position(), lower.get_position()
        np.testing.assert_allclose(first.y0 - 0.5, second.y0)
        np.testing.assert_allclose([first.x0, first.size[0]], [second.x0, second.size[0]])


def test_slices_keep_their_shape_in_millimetres():
    mask = place(np.ones((20, 24, 10)), np.diag([8.0, 8.0, 16.0, 1.0]))
    sheet = Sheet(overview(mask), ('only',), foot=1.0)
    width, height = sheet.figure.get_size_inches()
    scales = []
    for _, axes in sheet.axes[0]:
        box = axes.get_position()
        scales.append(box.width * width / np.ptp(axes.get_xlim()))
        scales.append(box.height * height / np.ptp(axes.get_ylim()))
    np.testing.assert_allclose(scales, scales[0])


def test_same_files_give_the_same_bytes(tmp_path, coarse_files, plan, fit):
    runs = [
        plot_scan(tmp_path / run / 's', direction='enhance', plan=plan, fit=fit, **files)
        for run, files in (('a', coarse_files), ('b', coarse_files))
    ]
    for name, path in runs[0].items():
        assert path.read_bytes() == runs[1][name].read_bytes(), name


def test_simulated_scan_on_its_own_grid(tmp_path, coarse_files, plan):
    result = np.full((14, 17, 10), 50, np.float32)
    simulated = save(tmp_path / 'simulated.nii.gz', result, grid_affine((12.8, 12.8, 20.0)))
    common = ('scan', 'preproc', 'bias_field', 'brain_mask', 'dseg', 'disagreement')
    figures = plot_scan(
        tmp_path / 's',
        direction='simulate',
        plan=plan,
        simulated=simulated,
        facts=FACTS,
        **{name: coarse_files[name] for name in common},
    )
    assert set(figures) == set(FIGURES['simulate'])


def test_an_empty_mask_is_shown_and_does_not_crash(tmp_path, coarse_files, plan, fit):
    import nibabel as nib

    affine = nib.load(coarse_files['scan']).affine
    nothing = np.zeros(nib.load(coarse_files['scan']).shape, np.uint8)
    fine = nib.load(coarse_files['enhanced'])
    files = coarse_files | {
        'brain_mask': save(tmp_path / 'mask.nii.gz', nothing, affine),
        'dseg': save(tmp_path / 'dseg.nii.gz', nothing, affine),
        'fine_dseg': save(tmp_path / 'f.nii.gz', np.zeros(fine.shape, np.uint8), fine.affine),
    }
    figures = plot_scan(tmp_path / 's', direction='enhance', plan=plan, fit=fit, **files)
    assert set(figures) == set(FIGURES['enhance'])


def test_one_bad_figure_does_not_cost_the_others(tmp_path, coarse_files, plan):
    with pytest.raises(RuntimeError, match='could not draw loss: .*') as info:
        plot_scan(
            tmp_path / 's',
            direction='enhance',
            plan=plan,
            fit={'history': {'step': ['x'], 'total': ['not a number']}},
            **coarse_files,
        )
    assert info.value.__cause__ is not None
    written = {p.name for p in tmp_path.glob('*.svg')}
    assert 's_desc-enhancement.svg' in written
    assert 's_desc-loss.svg' not in written


def test_only_a_scan_gives_only_its_figure(tmp_path, coarse_files):
    figures = plot_scan(tmp_path / 's', direction='enhance', scan=coarse_files['scan'])
    assert list(figures) == ['tissues']


def test_averaged_noise_keeps_unit_variance_and_structure_stands_out():
    inside = np.zeros((60, 60, 30), bool)
    inside[5:55, 5:55, 3:27] = True
    noise = np.random.default_rng(0).standard_normal(inside.shape)
    volume = place(noise, np.diag([1.6, 1.6, 5.0, 1.0]))
    result = averaged(volume, inside)
    assert result[inside].std() == pytest.approx(1, abs=0.1)
    # A weak shift of 0.7 sigma, invisible voxel by voxel, is beyond doubt after averaging.
    shifted = volume._replace(data=noise + 0.7 * (np.abs(np.arange(60) - 30) < 8)[:, None, None])
    assert averaged(shifted, inside)[30, 30, 15] > 4


def test_the_loss_chart_shows_terms_of_the_loss_only(history):
    more = {'epoch': history['step'], 'residual_rms': history['data']}
    figure = loss({'history': history | more})
    shown = {text.get_text() for text in figure.legends[0].get_texts()}
    assert LOSS_TERMS['total'][0] in shown
    assert not shown & {'epoch', 'residual rms', 'step'}
