import os
import shutil
import subprocess

import numpy as np
import pytest

from ulfprep.reports.participant import write_report

BROWSER = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('chrome')
# On a server of continuous integration a missing browser is a fault, not an excuse.
pytestmark = pytest.mark.skipif(
    BROWSER is None and not os.environ.get('CI'), reason='no Chromium on this machine'
)


def browse(tmp_path, *arguments):
    assert BROWSER, 'Chromium is needed to look at the report'
    command = [
        BROWSER,
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--hide-scrollbars',
        # Whatever the page asked of the net would fail here as on an offline machine.
        '--host-resolver-rules=MAP * ~NOTFOUND',
        f'--user-data-dir={tmp_path / "profile"}',
        *arguments,
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout


def screenshot(tmp_path, page, width, height):
    from PIL import Image

    picture = tmp_path / f'{width}.png'
    arguments = (f'--window-size={width},{height}', f'--screenshot={picture}')
    browse(tmp_path, *arguments, page.as_uri())
    return np.asarray(Image.open(picture).convert('RGB')).astype(float)


def test_the_report_shows_in_a_browser(tmp_path, qc, add_scan):
    add_scan('sub-01', qc)
    page = write_report(tmp_path, '01')
    pixels = screenshot(tmp_path, page, 1280, 5000)
    assert pixels.shape == (5000, 1280, 3)
    # Pictures of the brain: a good part of the page is black, and there are greys between.
    brightness = pixels.mean(axis=2)
    assert 0.05 < (brightness < 8).mean() < 0.7
    assert ((brightness > 60) & (brightness < 200)).mean() > 0.02
    # Tissue colours came through: the figures were drawn, not just framed.
    orange = (np.abs(pixels - [240, 163, 10]) < 40).all(axis=2)
    assert orange.sum() > 200


def test_nothing_reaches_beyond_the_edge_of_a_small_screen(tmp_path, qc, add_scan):
    add_scan('sub-01', qc)
    page = write_report(tmp_path, '01')
    probe = tmp_path / 'probe.html'
    script = '<script>document.title = document.documentElement.scrollWidth</script></body>'
    probe.write_text(page.read_text(encoding='utf-8').replace('</body>', script))
    html = browse(tmp_path, '--window-size=700,900', '--dump-dom', probe.as_uri())
    assert int(html.split('<title>')[1].split('<')[0]) <= 700
