"""The interactive viewer: what it brings into the page, and what a browser makes of it."""

import base64
import gzip
import hashlib
import json
import re
import shutil
from importlib.resources import files
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
from browser import needs_browser, opened

from ulfprep.bids.files import write_nifti
from ulfprep.bids.store.outcomes import find_outcomes
from ulfprep.reports import viewer
from ulfprep.reports.participant import write_report
from ulfprep.reports.viewer import OUTSIDE, STEPS, niivue, packed, quantised, viewer_html, viewers

VALUES = 'Array.from(document.querySelectorAll(".values tbody tr"), r => [r.dataset.key, '
VALUES += 'r.cells[1].firstChild.textContent])'


def oblique(zooms):
    """Return the affine of a grid that is turned about two axes."""
    a, b = 0.2, -0.15
    about_z = [[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]
    about_x = [[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]
    affine = np.eye(4)
    affine[:3, :3] = np.array(about_z) @ about_x * zooms
    affine[:3, 3] = affine[:3, :3] @ (0.5 - np.array([96, 112, 96]) / zooms / 2)
    return affine


def ball(shape):
    """Return labels of three shells."""
    places = (np.indices(shape) + 0.5) / np.array(shape)[:, None, None, None] - 0.5
    radius = np.linalg.norm(places, axis=0)
    labels = np.zeros(shape, np.uint8)
    for edge, label in ((0.45, 3), (0.4, 1), (0.3, 2)):
        labels[radius < edge] = label
    return labels


@pytest.fixture
def volumes(tmp_path, qc, add_scan):
    """Write the volumes of one oblique scan; return path, data and affine of each."""
    add_scan('sub-01', qc)
    rng = np.random.default_rng(3)
    coarse, fine = (60, 70, 24), (48, 56, 48)
    labels, fine_labels = ball(coarse), ball(fine)
    made = {
        'dseg': labels,
        'res-1mm_dseg': fine_labels,
        'desc-preproc_T1w': 100 + 100.0 * labels + rng.normal(0, 5, coarse),
        'desc-residual_T1w': rng.normal(0, 1, coarse) * (labels > 0),
        'res-1mm_desc-enhanced_T1w': (fine_labels > 0) * rng.uniform(200, 900, fine),
        'res-1mm_desc-claim_T1w': (fine_labels > 0) * rng.uniform(0, 1, fine),
        'res-1mm_desc-uncertainty_T1w': (fine_labels > 0) * rng.uniform(20, 60, fine),
    }
    found = {}
    for name, data in made.items():
        affine = oblique(np.array((2.0, 2.0, 2.0) if '1mm' in name else (1.6, 1.6, 4.0)))
        path = tmp_path / f'sub-01/anat/sub-01_{name}.nii.gz'
        write_nifti(path, data, affine)
        found[name] = SimpleNamespace(path=path, data=data, affine=affine)
    return found


@pytest.fixture
def html_of(tmp_path):
    """Return a function that gives the viewer of the only scan."""
    return lambda: viewer_html(tmp_path, find_outcomes(tmp_path, '01')[0][0])


def layers_of(html):
    content = re.search(r'class="volumes">(.*?)</script>', html, re.DOTALL)
    return {layer['key']: layer for layer in json.loads(content[1])}


def test_a_report_without_the_flag_holds_no_volume(tmp_path, volumes):
    assert 'niivue' not in write_report(tmp_path, '01').read_text()


def test_every_volume_is_there_once_with_its_unit(tmp_path, volumes):
    html = write_report(tmp_path, '01', interactive=True).read_text()
    layers = layers_of(html)
    assert {key: layer['kind'] for key, layer in layers.items()} == {
        'enhanced': 'image', 'preproc': 'image', 'claim': 'map', 'uncertainty': 'map',
        'residual': 'map', 'tissues': 'labels',
    }  # fmt: skip
    assert layers['residual']['unit'] == 'noise standard deviations'
    assert (layers['claim']['low'], layers['claim']['high']) == (0, 1)
    assert layers['preproc']['voxels'] == '1.6 \u00d7 1.6 \u00d7 4 mm'
    assert html.count('id="niivue-library"') == 1
    assert len(html.encode()) < viewer.MOST_BYTES
    assert html == write_report(tmp_path, '01', interactive=True).read_text()


def test_the_library_is_the_one_its_readme_names():
    readme = files('ulfprep.data').joinpath('niivue', 'README.md').read_text()
    source = gzip.decompress(base64.b64decode(niivue()))
    assert hashlib.sha256(source).hexdigest() in readme
    assert files('ulfprep.data').joinpath('niivue', 'LICENSE').is_file()


def test_several_scans_share_the_library_and_the_room(tmp_path, volumes, monkeypatch):
    one = find_outcomes(tmp_path, '01')[0][0]
    alone = len(viewer_html(tmp_path, one))
    with_library = viewers(tmp_path, [one], 0)[one.name]
    assert len(with_library) == alone
    # Two scans with the same volumes, under two names.
    for path in sorted((tmp_path / 'sub-01' / 'anat').glob('sub-01*')):
        shutil.copy(path, path.with_name(path.name.replace('sub-01_', 'sub-01_run-2_')))
    scans = find_outcomes(tmp_path, '01')[0]
    found = viewers(tmp_path, scans, 0)
    assert [('id="niivue-library"' in found[scan.name]) for scan in scans] == [True, False]
    assert all('class="volumes"' in found[scan.name] for scan in scans)
    # Room for the library and one scan only: the other is left out, and that is said.
    monkeypatch.setattr(viewer, 'MOST_BYTES', alone + viewer.SPARE + 1000)
    found = viewers(tmp_path, scans, 0)
    first, second = (found[scan.name] for scan in scans)
    assert 'class="volumes"' in first
    assert 'class="volumes"' not in second
    assert 'larger than 8 MB' in second
    assert sum(len(html.encode()) for html in found.values()) < alone + 1000


def test_a_volume_that_cannot_be_read_is_named(tmp_path, volumes, html_of):
    volumes['res-1mm_desc-claim_T1w'].path.write_bytes(b'no NIfTI')
    html = html_of()
    assert 'claim' not in layers_of(html)
    assert 'Left out:</strong> Claim (sub-01_res-1mm_desc-claim_T1w.nii.gz: ' in html
    assert str(tmp_path) not in html


def test_missing_volumes_are_flagged(qc, add_scan, html_of):
    add_scan('sub-01', qc)
    html = html_of()
    assert 'class="alert missing"' in html
    assert 'niivue-library' not in html


def test_a_simulated_scan_is_shown_beside_its_source(tmp_path, volumes, html_of):
    anat = tmp_path / 'sub-01' / 'anat'
    data = volumes['desc-preproc_T1w']
    write_nifti(anat / 'sub-01_res-ulf_desc-simulated_T1w.nii.gz', data.data, data.affine)
    record = json.loads((anat / 'sub-01_desc-qc_T1w.json').read_text())
    (anat / 'sub-01_desc-qc_T1w.json').write_text(json.dumps(record | {'direction': 'simulate'}))
    layers = layers_of(html_of())
    assert list(layers) == ['preproc', 'simulated', 'tissues']
    assert layers['preproc']['name'] == 'Source scan'


def restored(found):
    """Undo :func:`surprises` voxel by voxel, as the page does."""
    codes = np.zeros(np.array(found.shape) + 1, int)
    for z, y, x in np.ndindex(found.shape[::-1]):
        near = codes[x, y + 1, z + 1] + codes[x + 1, y, z + 1] + codes[x + 1, y + 1, z]
        far = codes[x, y, z + 1] + codes[x, y + 1, z] + codes[x + 1, y, z]
        codes[x + 1, y + 1, z + 1] = (int(found[x, y, z]) + (2 * near - far) // 3) % 256
    return codes[1:, 1:, 1:]


def test_no_value_is_off_by_more_than_half_a_step():
    values = np.random.default_rng(0).uniform(-5, 5, (6, 7, 8))
    codes, slope, intercept = quantised(values, -5, 5)
    assert np.abs(intercept + slope * codes - values).max() <= slope / 2 + 1e-9
    assert slope == pytest.approx(10 / STEPS)
    # What lies beyond is the end.
    codes, slope, intercept = quantised(np.array([-9.0, 9.0]), 0, 2)
    np.testing.assert_allclose(intercept + slope * codes, [0, 2])
    with pytest.raises(ValueError, match='between 1 and 1'):
        quantised(np.ones(1), 1, 1)


def test_outside_is_told_from_zero():
    inside = np.array([True, False])
    codes, slope, intercept = quantised(np.zeros(2), 0, 1, inside)
    assert codes[1] == OUTSIDE
    assert intercept + slope * codes[0] == pytest.approx(0)


@pytest.mark.parametrize('foretold', [True, False])
def test_what_is_packed_is_a_nifti_file_of_the_codes(foretold):
    codes = np.random.default_rng(1).integers(0, 102, (5, 4, 3)).astype(np.uint8)
    affine = np.array([[0, -2.0, 0, 5], [2, 0, 0, 6], [0, 0, 3, -7], [0, 0, 0, 1]])
    text = packed(codes, affine, 101, foretold=foretold)
    image = nib.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(text)))
    np.testing.assert_allclose(image.affine, affine)
    stored = np.asarray(image.dataobj).astype(np.uint8)
    np.testing.assert_array_equal(restored(stored) if foretold else stored, codes)
    assert image.header['cal_max'] == 101
    assert text == packed(codes, affine, 101, foretold=foretold)
    # Without a name and a time, and with the same mark of the system whichever Python packs.
    assert base64.b64decode(text)[3:10] == bytes([0, 0, 0, 0, 0, 2, 3])


def test_foretelling_makes_a_smooth_image_smaller():
    axes = np.linspace(0, 6, 40)
    smooth = 50 + 40 * np.sin(axes)[:, None, None] * np.cos(axes)[:, None] * np.sin(axes)
    codes = (smooth + np.random.default_rng(2).normal(0, 1, smooth.shape)).astype(np.uint8)
    foretold, plain = (len(packed(codes, np.eye(4), 100, foretold=f)) for f in (True, False))
    assert foretold < 0.8 * plain


@pytest.fixture
def page(tmp_path, volumes):
    """The report, copied alone to another folder."""
    (tmp_path / 'elsewhere').mkdir()
    report = write_report(tmp_path, '01', interactive=True)
    return shutil.copy(report, tmp_path / 'elsewhere' / report.name)


def start(look):
    look.page.locator('.viewer button').click()
    look.page.wait_for_function('document.querySelector(".viewer").viewer', timeout=60_000)


def real_trouble(look):
    # Said of any picture that is taken of a canvas that a processor draws.
    return [line for line in look.trouble if 'GPU stall due to ReadPixels' not in line]


def go_to(look, world):
    """Move the crosshair to a point of the world, mm, and return the values that are shown."""
    look.page.evaluate(
        '(mm) => { const nv = document.querySelector(".viewer").viewer;'
        ' nv.scene.crosshairPos = nv.mm2frac(mm, 0, true); nv.createOnLocationChange(); }',
        [float(v) for v in world],
    )
    return dict(look.page.evaluate(VALUES))


def number(text):
    return float(text.replace('\u2212', '-').lstrip('\u2265\u2264 '))


@needs_browser
def test_values_at_a_voxel_are_those_of_the_volumes(chromium, page, volumes):
    fine = volumes['res-1mm_desc-enhanced_T1w']
    white = fine.data[volumes['res-1mm_dseg'].data == 2].mean()
    names = ('res-1mm_desc-enhanced_T1w', 'res-1mm_desc-claim_T1w', 'desc-preproc_T1w')
    wanted = {re.search('desc-(.*)_', name)[1]: (name, 1) for name in names}
    wanted['residual'] = ('desc-residual_T1w', 1)
    wanted['uncertainty'] = ('res-1mm_desc-uncertainty_T1w', 100 / white)
    layers = layers_of(page.read_text())
    with opened(chromium, page) as look:
        start(look)
        for voxel in ([24, 28, 24], [10, 30, 20], [33, 40, 30]):
            world = (fine.affine @ [*voxel, 1])[:3]
            shown = go_to(look, world)
            for key, (name, scale) in wanted.items():
                volume, layer = volumes[name], layers[key]
                index = np.linalg.inv(volume.affine) @ [*world, 1]
                value = volume.data[tuple(np.rint(index[:3]).astype(int))] * scale
                value = min(value, layer['high'])
                # Half a step, and half a digit of what is written.
                assert abs(number(shown[key]) - value) <= layer['step'] * 1.01, (key, voxel)
            label = volumes['res-1mm_dseg'].data[tuple(voxel)]
            names = ('Background', 'Grey matter', 'White matter', 'Cerebrospinal fluid')
            assert shown['tissues'] == names[label]
        corner = (fine.affine @ [3, 3, 3, 1])[:3]
        assert go_to(look, corner)['claim'].startswith('none')


@needs_browser
@pytest.mark.parametrize('width', [1280, 400])
def test_the_viewer_shows_and_obeys_the_keyboard(chromium, page, tmp_path, width):
    with opened(chromium, page, width=width) as look:
        look.page.locator('.viewer button').focus()
        look.page.keyboard.press('Enter')
        look.page.wait_for_function('document.querySelector(".viewer").viewer', timeout=60_000)
        planes = look.page.locator('.viewer .planes')
        plain = look.pixels(planes)
        assert plain.std() > 20
        assert np.ptp(plain, axis=2).mean() < 12  # grey
        place = look.page.locator('.viewer .place')
        before = place.inner_text()
        look.page.keyboard.press('Shift+ArrowLeft')
        assert place.inner_text() != before
        look.page.locator('.viewer .overlay').select_option('claim')
        look.page.locator('.viewer .opacity').fill('100')
        coloured = look.pixels(planes)
        assert np.ptp(coloured, axis=2).mean() > 25
        unit = look.page.locator('.viewer .scale .unit').inner_text()
        assert unit == 'share of the local detail'
        look.page.locator('.viewer .overlay').select_option('')
        look.page.locator('.viewer .opacity').fill('0')
        assert np.ptp(look.pixels(planes), axis=2).mean() < 12
        look.page.locator('.viewer input[value=preproc]').check()
        scan = look.pixels(planes)
        assert np.abs(scan - plain).mean() > 3
        look.keep(f'viewer-{width}', tmp_path)
        assert look.beyond_the_edge() == []
        assert [v for v in look.violations() if 'viewer' in v or 'volumes-' in v] == []
        assert real_trouble(look) == []


@needs_browser
def test_without_javascript_the_viewer_says_so(chromium, page):
    with opened(chromium, page, javascript=False) as look:
        assert look.page.locator('.viewer noscript').inner_text().startswith('The viewer needs')
        assert not look.page.locator('.viewer button').is_visible()


@needs_browser
def test_without_webgl_the_viewer_says_so(chromium, page):
    # As a browser without it: no canvas gives a context.
    no_webgl = '<head><script>HTMLCanvasElement.prototype.getContext = () => null</script>'
    page.write_text(page.read_text().replace('<head>', no_webgl))
    with opened(chromium, page) as look:
        assert 'no WebGL 2' in look.page.locator('.viewer .trouble').inner_text()
        assert not look.page.locator('.viewer button').is_visible()
