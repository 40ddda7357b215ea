import base64
import hashlib
import json
import re
from html import unescape
from html.parser import HTMLParser

import pytest
from records import judged

from ulfprep.bids.write.derivatives import FIGURES
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
    text = re.sub(r'\s+', ' ', ''.join(page.text))
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
    assert 'by a factor of 1.80' in re.sub('<.*?>', '', bias)


def test_the_page_loads_nothing_and_its_links_lead_somewhere(tmp_path, qc, add_scan):
    add_scan('sub-01', qc)
    html, page = read(write_report(tmp_path, '01'))
    assert all(load.startswith('data:image/svg+xml,') for load in page.loads)
    assert not {'link', 'iframe', 'object', 'embed'} & set(page.tags)
    # The one script is ours, and the page forbids every other.
    (script,) = re.findall(r'<script>(.*?)</script>', html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="(.*?)">', html)
    assert unescape(policy) == (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'"
    )
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
    names = {len(list(ET.fromstring(p.read_text()).iter())) for p in drawn.values()}
    for load in page.loads:
        root = ET.fromstring(unquote(load.split(',', 1)[1]))
        assert len(list(root.iter())) in names


def test_same_derivatives_give_the_same_bytes(tmp_path, qc, add_scan):
    add_scan('sub-01', qc)
    first = write_report(tmp_path, '01').read_bytes()
    assert write_report(tmp_path, '01').read_bytes() == first
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ['sub-01.html']


def test_hostile_text_stays_text(tmp_path, qc, add_scan):
    qc['notes'] = [{'text': HOSTILE, 'level': 'info'}]
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
    assert page.tags.count('script') == 1
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


@pytest.mark.parametrize('direction', ['enhance', 'simulate'])
def test_disagreement_is_missed_with_the_network_alone(tmp_path, qc, add_scan, direction):
    def page(*leave_out):
        add_scan('sub-01', qc, leave_out)
        html, _ = read(write_report(tmp_path, '01'))
        return html, ' '.join(re.findall(r'Missing figures?: ([^<]*)', html))

    title = 'Where scan and network disagree'
    qc['direction'] = direction
    html, missing = page('disagreement')
    assert title not in html
    assert 'disagreement' not in missing
    qc['segmentation']['network_weights_sha256'] = '0' * 64
    html, missing = page('disagreement')
    assert title in html
    assert 'disagreement' in missing
    html, missing = page()
    assert 'disagreement' not in missing
    assert html.index('Brain mask and tissues of the scan') < html.index(title)


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
    assert 'left files but no QC file' in text
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
    assert page.tags.count('script') == 1


@pytest.mark.parametrize('content', ['{"direction": ', '[1, 2]'])
def test_a_broken_qc_file_is_reported(tmp_path, content):
    anat = tmp_path / 'sub-01' / 'anat'
    anat.mkdir(parents=True)
    (anat / 'sub-01_desc-qc_T1w.json').write_text(content)
    _, page = read(write_report(tmp_path, '01'))
    assert 'sub-01_desc-qc_T1w.json' in ' '.join(page.text)


def test_a_record_that_states_less_is_named_and_costs_no_page(tmp_path, qc, add_scan):
    del qc['contrast']['target_spread']
    add_scan('sub-01', qc)
    _, page = read(write_report(tmp_path, '01'))
    text = re.sub(r'\s+', ' ', ' '.join(page.text))
    assert 'its QC file sub-01_desc-qc_T1w.json cannot be read; run the scan again' in text
    # What is there is shown, expected or not.
    assert page.tags.count('img') > 5


def test_the_verdict_heads_the_page_with_its_reasons(tmp_path, qc, add_scan):
    qc['metrics']['residual_rms'] = 1.6
    add_scan('sub-01', judged(qc))
    html, _ = read(write_report(tmp_path, '01'))
    head = html.split('<header')[1].split('</header>')[0]
    assert '<span aria-hidden="true">!</span> look' in head
    assert 'residual_rms is 1.6 (0.6 to 1.3 expected)' in head


def test_each_scan_of_a_session_has_its_verdict(tmp_path, qc, add_scan):
    add_scan('sub-01_run-1', qc)
    add_scan('sub-01_run-2', qc | {'verdict': {'level': 'look', 'reasons': ['it is noisy']}})
    failure = {'scan': 'sub-01_run-3_T1w', 'message': 'no brain was found'}
    html, _ = read(write_report(tmp_path, '01', errors=[failure]))
    head = html.split('<header')[1].split('</header>')[0]
    assert 'failed' in head
    assert '3 scans: 1 usable, 1 look, 1 failed' in head
    listed = html.split('Verdict of each scan')[1].split('</section>')[0]
    levels = re.findall(r'class="verdict (\w+)"', listed)
    assert levels == ['usable', 'look', 'failed']
    assert 'it is noisy' in listed
    assert 'no brain was found' in listed


def test_what_a_scan_took_stands_on_lines_of_its_own(tmp_path, qc, add_scan):
    add_scan('sub-01', qc)
    without = write_report(tmp_path, '01').read_text()
    record = {
        'scan': 'sub-01_T1w', 'seconds': 262.0, 'cpu_seconds': 480.0, 'peak_gb': 1.9,
        'nodes': [
            {'node': 'fit', 'seconds': 250.0, 'cpu_seconds': 470.0, 'peak_gb': 1.9, 'n_procs': 2}
        ],
    }  # fmt: skip
    folder = tmp_path / 'logs' / 'resources'
    folder.mkdir(parents=True)
    (folder / 'sub-01_T1w.json').write_text(json.dumps(record))
    timed = write_report(tmp_path, '01').read_text()
    assert '4 min 22 s in all its steps' in timed

    def kept(html):
        return [line for line in html.splitlines() if 'class="cost"' not in line]

    assert kept(timed) == kept(without)


def test_methods_can_be_pasted_with_what_they_cite_and_nothing_else(tmp_path, qc, add_scan):
    add_scan('sub-01', qc)
    html, _ = read(write_report(tmp_path, '01'))
    blocks = dict(
        re.findall(r'<pre class="paste" id="methods-(\w+)"[^>]*>(.*?)</pre>', html, re.S)
    )
    markdown, bibtex, source = (unescape(blocks[kind]) for kind in ('markdown', 'bibtex', 'html'))
    assert 'corrected with N4 [@n4].' in markdown
    cited = set(re.findall(r'@([\w:-]+)', markdown.split('# References')[0]))
    assert set(re.findall(r'^@\w+\{(\w+),', bibtex, re.M)) == cited
    assert bibtex.count('{') == bibtex.count('}')
    assert '<a href="#ref-n4">1</a>' in source
    assert all(f'id="ref-{key}"' in source for key in cited)


def test_a_session_too_large_says_what_it_left_out(tmp_path, qc, add_scan, monkeypatch):
    for run in range(1, 4):
        add_scan(f'sub-01_run-{run}', qc)
    whole = write_report(tmp_path, '01').stat().st_size
    most = int(0.6 * whole)
    monkeypatch.setattr('ulfprep.reports.participant.MOST_BYTES', most)
    path = write_report(tmp_path, '01')
    html, page = read(path)
    assert path.stat().st_size <= most
    text = re.sub(r'\s+', ' ', ''.join(page.text))
    (count,) = re.findall(r'(\d+) pictures are not in this page', text)
    links = re.findall(r'<a href="(sub-01/figures/.*?)">', html)
    assert len(links) == int(count) > 0
    assert all((tmp_path / link).is_file() for link in links)
    # Nothing was missing, and what matters most stayed.
    assert 'Missing figure' not in html
    assert not any('enhancement' in link or 'residual' in link for link in links)
    assert page.tags.count('img') + len(links) == 3 * (len(FIGURES['enhance']) - 1)
