"""The interactive viewer: what it brings into the page, and what a browser makes of it."""

import base64
import gzip
import hashlib
import json
import re
import shutil
from importlib.resources import files
from types import SimpleNamespace

import numpy as np
import pytest
from browser import browser, needs_browser, opened

from ulfprep.bids.files import write_nifti
from ulfprep.bids.store.outcomes import find_outcomes
from ulfprep.reports import viewer
from ulfprep.reports.participant import write_report
from ulfprep.reports.viewer import niivue, viewer_html, viewers

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
    """Return labels of three shells, and the distance from the middle."""
    radius = np.linalg.norm(
        (np.indices(shape) + 0.5) / np.array(shape)[:, None, None, None] - 0.5,
        axis=0,
        ord=2,
    )
    labels = np.zeros(shape, np.uint8)
    for edge, label in ((0.45, 3), (0.4, 1), (0.3, 2)):
        labels[radius < edge] = label
    return labels


@pytest.fixture
def volumes(tmp_path, qc, add_scan):
    """Write the volumes of one oblique scan; return them by the key of their layer."""
    add_scan('sub-01', qc)
    anat = tmp_path / 'sub-01' / 'anat'
    rng = np.random.default_rng(3)
    coarse, fine = (60, 70, 24), (48, 56, 48)
    labels, fine_labels = ball(coarse), ball(fine)
    made = {
        'sub-01_dseg': labels,
        'sub-01_res-1mm_dseg': fine_labels,
        'sub-01_desc-preproc_T1w': 100 + 100.0 * labels + rng.normal(0, 5, coarse),
        'sub-01_desc-residual_T1w': rng.normal(0, 1, coarse) * (labels > 0),
        'sub-01_res-1mm_desc-enhanced_T1w': (fine_labels > 0) * rng.uniform(200, 900, fine),
        'sub-01_res-1mm_desc-claim_T1w': (fine_labels > 0) * rng.uniform(0, 1, fine),
        'sub-01_res-1mm_desc-uncertainty_T1w': (fine_labels > 0) * rng.uniform(20, 60, fine),
    }
    found = {}
    for name, data in made.items():
        zooms = (2.0, 2.0, 2.0) if '1mm' in name else (1.6, 1.6, 4.0)
        path = anat / f'{name}.nii.gz'
        write_nifti(path, data, oblique(np.array(zooms)))
        found[name] = SimpleNamespace(path=path, data=data, affine=oblique(np.array(zooms)))
    return found


def layers_of(html):
    content = re.search(r'class="volumes">(.*?)</script>', html, re.DOTALL)
    return {layer['key']: layer for layer in json.loads(content[1])}


def test_a_report_without_the_flag_holds_no_volume(tmp_path, volumes):
    assert 'niivue' not in write_report(tmp_path, '01').read_text()


def test_every_volume_is_there_once_with_its_unit(tmp_path, volumes):
    html = write_report(tmp_path, '01', interactive=True).read_text()
    layers = layers_of(html)
    kinds = {key: layer['kind'] for key, layer in layers.items()}
    assert kinds == {
        'enhanced': 'image',
        'preproc': 'image',
        'claim': 'map',
        'uncertainty': 'map',
        'residual': 'map',
        'tissues': 'labels',
    }
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


def test_a_volume_that_cannot_be_read_is_named(tmp_path, volumes):
    volumes['sub-01_res-1mm_desc-claim_T1w'].path.write_bytes(b'no NIfTI')
    html = viewer_html(tmp_path, find_outcomes(tmp_path, '01')[0][0])
    assert 'claim' not in layers_of(html)
    assert 'Left out:</strong> Claim (sub-01_res-1mm_desc-claim_T1w.nii.gz: ' in html
    assert str(tmp_path) not in html


def test_missing_volumes_are_flagged(tmp_path, qc, add_scan):
    add_scan('sub-01', qc)
    html = viewer_html(tmp_path, find_outcomes(tmp_path, '01')[0][0])
    assert 'class="alert missing"' in html
    assert 'niivue-library' not in html


def test_a_simulated_scan_is_shown_beside_its_source(tmp_path, volumes):
    anat = tmp_path / 'sub-01' / 'anat'
    data = volumes['sub-01_desc-preproc_T1w']
    write_nifti(anat / 'sub-01_res-ulf_desc-simulated_T1w.nii.gz', data.data, data.affine)
    record = json.loads((anat / 'sub-01_desc-qc_T1w.json').read_text())
    (anat / 'sub-01_desc-qc_T1w.json').write_text(json.dumps(record | {'direction': 'simulate'}))
    layers = layers_of(viewer_html(tmp_path, find_outcomes(tmp_path, '01')[0][0]))
    assert list(layers) == ['preproc', 'simulated', 'tissues']
    assert layers['preproc']['name'] == 'Source scan'


@pytest.fixture
def page(tmp_path, volumes):
    """The report, copied alone to another folder."""
    (tmp_path / 'elsewhere').mkdir()
    report = write_report(tmp_path, '01', interactive=True)
    return shutil.copy(report, tmp_path / 'elsewhere' / report.name)


@pytest.fixture(scope='module')
def chromium():
    with browser('--enable-unsafe-swiftshader') as found:
        yield found


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
    fine = volumes['sub-01_res-1mm_desc-enhanced_T1w']
    white = fine.data[volumes['sub-01_res-1mm_dseg'].data == 2].mean()
    wanted = {
        'enhanced': ('sub-01_res-1mm_desc-enhanced_T1w', 1),
        'claim': ('sub-01_res-1mm_desc-claim_T1w', 1),
        'uncertainty': ('sub-01_res-1mm_desc-uncertainty_T1w', 100 / white),
        'preproc': ('sub-01_desc-preproc_T1w', 1),
        'residual': ('sub-01_desc-residual_T1w', 1),
    }
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
            label = volumes['sub-01_res-1mm_dseg'].data[tuple(voxel)]
            names = ('Background', 'Grey matter', 'White matter', 'Cerebrospinal fluid')
            assert shown['tissues'] == names[label]
        corner = (fine.affine @ [3, 3, 3, 1])[:3]
        assert go_to(look, corner)['claim'].startswith('none')


@needs_browser
@pytest.mark.parametrize('width', [1280, 400])
def test_the_viewer_shows_and_obeys_the_keyboard(chromium, page, tmp_path, width):
    with opened(chromium, page, width=width) as look:
        button = look.page.locator('.viewer button')
        button.focus()
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
        assert (
            look.page.locator('.viewer .scale .unit').inner_text() == 'share of the local detail'
        )
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
