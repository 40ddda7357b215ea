import re
from html.parser import HTMLParser

import pytest

from ulfprep.bids.derivatives import FIGURES
from ulfprep.reports.participant import write_report

HOSTILE = '<script>alert("x")</script>'


class Page(HTMLParser):
    """Collects what a browser would load, the ids, and the text."""

    VOID = {'meta', 'img', 'input', 'br', 'link'}

    def __init__(self, html):
        super().__init__()
        self.loads, self.links, self.ids, self.tags, self.text = [], [], [], [], []
        self.open, self.alts = [], []
        self.feed(html)
        assert not self.open, f'unclosed: {self.open}'

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        if 'id' in attrs:
            self.ids.append(attrs['id'])
        if tag == 'a':
            self.links.append(attrs['href'])
        if tag == 'img':
            self.alts.append(attrs['alt'])
        self.loads += [v for k, v in attrs.items() if k in ('src', 'srcset', 'data', 'action')]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(path):
    html = path.read_text(encoding='utf-8')
    return html, Page(html)


def test_a_finished_scan_has_all_sections_and_figures(tmp_path, qc, add_scan):
    add_scan('sub-01', qc)
    path = write_report(tmp_path, '01')
    assert path == tmp_path / 'sub-01.html'
    html, page = read(path)
    assert '<html lang="en">' in html
    titles = re.findall(r'<h[23][^>]*>\s*([^<]+?)\s*<', html)
    for title in (
        'Summary',
        'Input checks',
        'Enhanced against the scan',
        'Where not to believe it',
        'Intensities',
        'Tissues',
        'Fit',
        'Contrast',
        'Metrics',
        'Methods',
        'Errors',
        'About',
    ):
        assert title in titles, title
    assert page.tags.count('img') == len(FIGURES['enhance']) - 1
    assert all(len(alt) > 20 for alt in page.alts)
    text = ' '.join(page.text)
    assert 'No errors.' in text
    assert 'Research use only, not a medical device.' in text
    assert 'Missing' not in text
    assert 'The scan came with its skull.' in text
    assert 'condition number 14.2' in text
    assert 'there is no reference image' in text
    assert '0123456789ab' in text


def test_numbers_of_a_figure_stand_with_it(tmp_path, qc, add_scan):
    qc['metrics'] |= {'bias_range': 1.8, 'wm_cov_before': 0.2, 'wm_cov_after': 0.1}
    add_scan('sub-01', qc)
    html, _ = read(write_report(tmp_path, '01'))
    text = re.sub(r'\s+', ' ', html)
    assert text.count('Measured.') == 1
    bias = text.split('Bias field before and after</h4>')[1].split('</figure>')[0]
    assert 'spans a factor of 1.80' in bias


def test_the_page_loads_nothing_and_its_links_lead_somewhere(tmp_path, qc, add_scan):
    add_scan('sub-01', qc)
    html, page = read(write_report(tmp_path, '01'))
    assert all(load.startswith('data:image/svg+xml,') for load in page.loads)
    assert not {'script', 'link', 'iframe', 'object', 'embed'} & set(page.tags)
    assert not re.search(r'@import|url\((?!#|%23)', html)
    assert len(page.ids) == len(set(page.ids))
    for link in page.links:
        assert link.startswith('https://') or link.removeprefix('#') in page.ids, link
    assert str(tmp_path) not in html


def test_figures_survive_their_way_into_the_page(tmp_path, qc, add_scan, drawn):
    import xml.etree.ElementTree as ET
    from urllib.parse import unquote

    add_scan('sub-01', qc)
    _, page = read(write_report(tmp_path, '01'))
    names = {len(list(ET.fromstring(p.read_text()).iter())) for p in drawn[0].values()}
    for load in page.loads:
        root = ET.fromstring(unquote(load.split(',', 1)[1]))
        assert len(list(root.iter())) in names


def test_same_derivatives_give_the_same_bytes(tmp_path, qc, add_scan):
    add_scan('sub-01', qc)
    first = write_report(tmp_path, '01').read_bytes()
    assert write_report(tmp_path, '01').read_bytes() == first
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ['sub-01.html']


def test_hostile_text_stays_text(tmp_path, qc, add_scan):
    qc['notes'] = [HOSTILE]
    qc['source'] = HOSTILE
    qc['methods'] = HOSTILE
    qc['versions'] = {HOSTILE: HOSTILE}
    qc['null_reasons']['lpips'] = HOSTILE
    qc['contrast']['noise_method'] = HOSTILE
    qc['contrast']['equations'][0]['name'] = HOSTILE
    qc['contrast']['active_bounds'] = [HOSTILE]
    qc['metrics'][HOSTILE] = None
    add_scan('sub-01', qc)
    traceback = f'Traceback\n\x1b[31mValueError: {HOSTILE}\x1b[0m\x00</pre>'
    html, page = read(write_report(tmp_path, '01', errors=[traceback]))
    assert 'script' not in page.tags
    assert html.count('&lt;script&gt;') >= 10
    assert '\x1b' not in html
    assert '\x00' not in html


def test_a_missing_figure_is_named_in_red(tmp_path, qc, add_scan):
    add_scan('sub-01', qc, leave_out=('residual', 'bias'))
    html, page = read(write_report(tmp_path, '01'))
    assert page.tags.count('img') == len(FIGURES['enhance']) - 3
    text = re.sub(r'\s+', ' ', ' '.join(page.text))
    assert 'Missing figures: bias, residual.' in text
    assert text.count('Missing figure: ') == 2
    assert html.count('class="alert missing"') == 2


def test_scans_of_a_session_come_in_natural_order(tmp_path, qc, add_scan):
    for stem in ('sub-01_ses-A_run-10', 'sub-01_ses-A_run-2', 'sub-01_ses-A_acq-x_run-1'):
        add_scan(stem, qc)
    for other in ('sub-01_ses-AB', 'sub-01', 'sub-011_ses-A'):
        add_scan(other, qc)
    path = write_report(tmp_path, '01', 'A')
    assert path.name == 'sub-01_ses-A.html'
    html, page = read(path)
    titles = re.findall(r'<h2 id="s\d-title">(.*?) <small>(.*?)</small>', html)
    assert titles == [
        ('acq-x run-1 T1w', 'sub-01_ses-A_acq-x_run-1_T1w'),
        ('run-2 T1w', 'sub-01_ses-A_run-2_T1w'),
        ('run-10 T1w', 'sub-01_ses-A_run-10_T1w'),
    ]
    assert len(page.ids) == len(set(page.ids))
    assert path.stat().st_size < 8e6
    # Without a session only the scan without one is meant.
    html, _ = read(write_report(tmp_path, '01'))
    assert re.findall(r'<small>(.*?)</small>', html) == ['sub-01_T1w']


def test_one_scan_stays_well_within_the_budget(tmp_path, qc, add_scan):
    add_scan('sub-01', qc)
    assert write_report(tmp_path, '01').stat().st_size < 4e6


def test_a_crash_before_any_result_still_makes_a_report(tmp_path):
    crash = 'Node: a.b.fit\nTraceback (most recent call last):\n  ...\nMemoryError: too big'
    html, page = read(write_report(tmp_path, '07', 'B', errors=[crash, 'second']))
    text = re.sub(r'\s+', ' ', ' '.join(page.text))
    assert 'No scan was finished.' in text
    assert '2 errors' in text
    assert '<summary>MemoryError: too big</summary>' in html


def test_a_scan_without_qc_file_is_shown_as_unfinished(tmp_path, add_scan):
    add_scan('sub-01_run-1', None, leave_out=('enhancement', 'segmentation', 'residual'))
    _, page = read(write_report(tmp_path, '01', errors=['boom']))
    text = ' '.join(page.text)
    assert 'it has no QC file' in text
    assert page.tags.count('img') == len(FIGURES['enhance']) - 4
    assert 'Missing figure' not in text


def test_failures_of_named_scans_stand_with_their_scan(tmp_path, qc, add_scan):
    add_scan('sub-01_run-1', qc)
    failure = {
        'scan': 'sub-01_run-2_T1w',
        'node': 'wf.sub_01.fit',
        'message': f'the loss is not a number {HOSTILE}',
        'traceback': 'Traceback (most recent call last):\n  ...\nValueError: loss',
    }
    elsewhere = failure | {'scan': 'sub-01_ses-A_run-3_T1w', 'node': None, 'traceback': None}
    html, page = read(write_report(tmp_path, '01', errors=[failure, elsewhere]))
    assert re.findall(r'<small>(.*?)</small>', html) == ['sub-01_run-1_T1w', 'sub-01_run-2_T1w']
    second = html.split('<article id="s2"')[1].split('</article>')[0]
    assert 'Failed:</strong> the loss is not a number &lt;script&gt;' in second
    assert 'Node: wf.sub_01.fit' in html
    assert 'script' not in page.tags


@pytest.mark.parametrize('content', ['{"direction": ', '[1, 2]'])
def test_a_broken_qc_file_is_reported(tmp_path, content):
    anat = tmp_path / 'sub-01' / 'anat'
    anat.mkdir(parents=True)
    (anat / 'sub-01_desc-qc_T1w.json').write_text(content)
    _, page = read(write_report(tmp_path, '01'))
    assert 'sub-01_desc-qc_T1w.json' in ' '.join(page.text)


def test_a_nearly_empty_record_does_not_break_the_report(tmp_path, add_scan):
    add_scan('sub-01', {'direction': 'simulate', 'contrast': None, 'fit': None, 'methods': None})
    _, page = read(write_report(tmp_path, '01'))
    text = re.sub(r'\s+', ' ', ' '.join(page.text))
    assert 'Missing figure: simulated' in text
    # What is there is shown, expected or not.
    assert 'Other figures' in text
