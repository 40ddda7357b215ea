"""The report of a participant, as text."""

import base64
import hashlib
import re
import xml.etree.ElementTree as ET
from html import unescape
from urllib.parse import unquote

import pytest
from pages import HOSTILE, Page
from records import judged

from ulfprep.bids.files import write_json
from ulfprep.bids.write.derivatives import FIGURES
from ulfprep.reports.participant import write_report


@pytest.fixture
def report(tmp_path):
    """Return a function that writes the report of a participant: its HTML, and what it holds."""

    def report(subject='01', session=None, **more):
        html = write_report(tmp_path, subject, session, **more).read_text(encoding='utf-8')
        return html, Page(html)

    return report


def test_a_finished_scan_has_all_sections_and_figures(qc, add_scan, report):
    qc['notes'].append({'text': 'it is noisy.', 'level': 'warning'})
    add_scan('sub-01', qc)
    html, page = report()
    assert '<html lang="en">' in html
    titles = set(re.findall(r'<h[23][^>]*>\s*([^<]+?)\s*<', html))
    assert titles >= {
        'Summary', 'Input checks', 'Enhanced against the scan', 'Where not to believe it',
        'Intensities', 'Tissues', 'Fit', 'Contrast', 'Metrics', 'Methods', 'Errors', 'About',
    }  # fmt: skip
    assert page.tags.count('img') == len(FIGURES['enhance']) - 1
    assert all(len(alt) > 20 for alt in page.alts)
    for words in (
        'No errors.', 'Research use only, not a medical device.', '0123456789ab',
        'The scan came with its skull.', 'Warning: it is noisy.', 'there is no reference image',
    ):  # fmt: skip
        assert words in page.text, words
    assert 'condition number 14.2' in page.text
    assert 'Missing' not in page.text


def test_numbers_of_a_figure_stand_with_it(qc, add_scan, report):
    qc['metrics'] |= {'bias_range': 1.8, 'wm_cov_before': 0.2, 'wm_cov_after': 0.1}
    add_scan('sub-01', qc)
    html, page = report()
    assert page.text.count('Measured.') == 1
    bias = html.split('Bias field before and after</h4>')[1].split('</figure>')[0]
    assert 'by a factor of 1.80' in re.sub(r'\s+', ' ', re.sub('<.*?>', '', bias))


def test_the_page_loads_nothing_and_its_links_lead_somewhere(tmp_path, qc, add_scan, report):
    add_scan('sub-01', qc)
    html, page = report()
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
    for link in page.links:
        assert link.startswith('https://') or link.removeprefix('#') in page.ids, link
    assert str(tmp_path) not in html


def test_figures_survive_their_way_into_the_page(qc, add_scan, drawn, report):
    add_scan('sub-01', qc)
    sizes = {len(list(ET.fromstring(p.read_text()).iter())) for p in drawn.values()}
    for load in report()[1].loads:
        root = ET.fromstring(unquote(load.split(',', 1)[1]))
        assert len(list(root.iter())) in sizes


def test_same_derivatives_give_the_same_bytes(tmp_path, qc, add_scan, report):
    add_scan('sub-01', qc)
    assert report()[0] == report()[0]
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ['sub-01.html']


def test_hostile_text_stays_text(qc, add_scan, report):
    qc |= {'source': HOSTILE, 'methods': HOSTILE, 'versions': {HOSTILE: HOSTILE}}
    qc['notes'] = [{'text': HOSTILE, 'level': 'info'}]
    qc['null_reasons']['lpips'] = HOSTILE
    qc['contrast'] |= {'noise_method': HOSTILE, 'active_bounds': [HOSTILE]}
    qc['contrast']['equations'][0]['name'] = HOSTILE
    qc['metrics'][HOSTILE] = None
    add_scan('sub-01', qc)
    html, page = report(errors=[f'Traceback\n\x1b[31mValueError: {HOSTILE}\x1b[0m\x00</pre>'])
    assert page.tags.count('script') == 1
    assert html.count('&lt;script&gt;') >= 10
    assert not {'\x1b', '\x00'} & set(html)


def test_a_missing_figure_is_named_in_red(qc, add_scan, report):
    add_scan('sub-01', qc, leave_out=('residual', 'bias'))
    html, page = report()
    assert page.tags.count('img') == len(FIGURES['enhance']) - 3
    assert 'Missing figures: bias, residual.' in page.text
    assert page.text.count('Missing figure: ') == 2
    assert html.count('class="alert missing"') == 2
    assert 'figures are missing: bias, residual' in head_of(html)


@pytest.mark.parametrize('direction', ['enhance', 'simulate'])
def test_disagreement_is_missed_with_the_network_alone(qc, add_scan, direction, report):
    def page(*leave_out):
        add_scan('sub-01', qc, leave_out)
        html, _ = report()
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


def test_scans_of_a_session_come_in_natural_order(tmp_path, qc, add_scan, report):
    for stem in (
        'sub-01_ses-A_run-10', 'sub-01_ses-A_run-2', 'sub-01_ses-A_acq-x_run-1', 'sub-01_ses-AB',
        'sub-01', 'sub-011_ses-A',
    ):  # fmt: skip
        add_scan(stem, qc)
    html, _ = report('01', 'A')
    assert re.findall(r'<h2 id="s\d-title">(.*?) <small>(.*?)</small>', html) == [
        ('acq-x run-1 T1w', 'sub-01_ses-A_acq-x_run-1_T1w'),
        ('run-2 T1w', 'sub-01_ses-A_run-2_T1w'),
        ('run-10 T1w', 'sub-01_ses-A_run-10_T1w'),
    ]
    assert (tmp_path / 'sub-01_ses-A.html').stat().st_size < 8e6
    # Without a session only the scan without one is meant.
    assert re.findall(r'<small>(.*?)</small>', report()[0]) == ['sub-01_T1w']


def test_a_crash_before_any_result_still_makes_a_report(report):
    crash = 'Node: a.b.fit\nTraceback (most recent call last):\n  ...\nMemoryError: too big'
    html, page = report('07', 'B', errors=[crash, 'second'])
    assert 'No scan was finished.' in page.text
    assert '2 errors' in page.text
    assert '<summary>MemoryError: too big</summary>' in html
    head = head_of(html)
    assert head.index('failed') < head.index('no scan was finished') < head.index('second')


def test_a_scan_without_qc_file_is_shown_as_unfinished(add_scan, report):
    add_scan('sub-01_run-1', None, leave_out=('enhancement', 'segmentation', 'residual'))
    html, page = report(errors=['boom'])
    assert 'left files but no QC file' in page.text
    assert 'class="level failed"' in head_of(html)
    assert page.tags.count('img') == len(FIGURES['enhance']) - 4
    assert 'Missing figure' not in page.text


def test_failures_of_named_scans_stand_with_their_scan(qc, add_scan, report):
    add_scan('sub-01_run-1', qc)
    failure = {
        'scan': 'sub-01_run-2_T1w',
        'node': 'wf.sub_01.fit',
        'message': f'the loss is not a number {HOSTILE}',
        'traceback': 'Traceback (most recent call last):\n  ...\nValueError: loss',
    }
    elsewhere = failure | {'scan': 'sub-01_ses-A_run-3_T1w', 'node': None, 'traceback': None}
    html, page = report(errors=[failure, elsewhere])
    assert re.findall(r'<small>(.*?)</small>', html) == ['sub-01_run-1_T1w', 'sub-01_run-2_T1w']
    second = html.split('<article id="s2"')[1].split('</article>')[0]
    assert 'Failed:</strong> the loss is not a number &lt;script&gt;' in second
    assert 'Node: wf.sub_01.fit' in html
    assert page.tags.count('script') == 1


@pytest.mark.parametrize('content', ['{"direction": ', '[1, 2]', None])
def test_a_broken_qc_file_is_reported_and_costs_no_page(tmp_path, qc, add_scan, content, report):
    del qc['contrast']['target_spread']
    add_scan('sub-01', qc)
    if content:
        (tmp_path / 'sub-01/anat/sub-01_desc-qc_T1w.json').write_text(content)
    _, page = report()
    assert 'its QC file sub-01_desc-qc_T1w.json cannot be read; run the scan again' in page.text
    # What is there is shown, expected or not.
    assert page.tags.count('img') > 5


def head_of(html):
    return html.split('<header')[1].split('</header>')[0]


def test_the_verdict_heads_the_page_with_its_reasons(qc, add_scan, report):
    qc['metrics']['residual_rms'] = 1.6
    add_scan('sub-01', judged(qc))
    head = head_of(report(errors=['disk full'])[0])
    assert '<span aria-hidden="true">!</span> look' in head
    assert 'residual_rms is 1.6 (0.6 to 1.3 expected)' in head
    assert 'disk full' in head


@pytest.mark.parametrize(
    ('crash', 'level', 'reasons'),
    [
        ({}, 'usable', []),
        ({'scan': ''}, 'look', ['disk full']),
        ({'scan': 'sub-01_T1w'}, 'failed', ['disk full']),
    ],
)
def test_what_went_wrong_counts_for_the_page(qc, add_scan, crash, level, reasons, report):
    add_scan('sub-01', qc)
    head = head_of(report(errors=[crash | {'message': 'disk full'}] if crash else ())[0])
    assert re.findall(r'class="level (\w+)"', head) == [level]
    assert re.findall(r'<li>(.*)</li>', head) == reasons


def test_each_scan_of_a_session_has_its_verdict(qc, add_scan, report):
    noisy = qc | {'verdict': {'level': 'look', 'reasons': ['it is noisy']}}
    add_scan('sub-01_run-1', qc)
    add_scan('sub-01_run-2', noisy)
    assert '2 scans: 1 usable, 1 look' in head_of(report()[0])
    errors = [{'scan': f'sub-01_run-{n}_T1w', 'message': 'no brain was found'} for n in (3, 2)]
    html, _ = report(errors=errors[:1])
    assert '3 scans: 1 usable, 1 look, 1 failed' in head_of(html)
    listed = html.split('Verdict of each scan')[1].split('</section>')[0]
    assert re.findall(r'class="verdict (\w+)"', listed) == ['usable', 'look', 'failed']
    assert re.findall(r'<li>(.*)</li>', listed) == ['it is noisy', 'no brain was found']
    # A crash comes before what the record says.
    listed = report(errors=errors)[0].split('Verdict of each scan')[1].split('</section>')[0]
    assert re.findall(r'<li>(.*)</li>', listed)[:2] == ['no brain was found', 'it is noisy']


def test_what_a_scan_took_stands_on_lines_of_its_own(tmp_path, qc, add_scan, report):
    add_scan('sub-01', qc)
    without, _ = report()
    node = {'seconds': 262.0, 'cpu_seconds': 480.0, 'peak_gb': 1.9}
    record = node | {'scan': 'sub-01_T1w', 'nodes': [node | {'node': 'fit', 'n_procs': 2}]}
    write_json(tmp_path / 'logs/resources/sub-01_T1w.json', record)
    timed, _ = report()
    assert '4 min 22 s in all its steps' in timed

    def kept(html):
        return [line for line in html.splitlines() if 'class="cost"' not in line]

    assert kept(timed) == kept(without)


def test_methods_can_be_pasted_with_what_they_cite_and_nothing_else(qc, add_scan, report):
    add_scan('sub-01', qc)
    blocks = re.findall(
        r'<pre class="paste" id="methods-(\w+)"[^>]*>(.*?)</pre>', report()[0], re.S
    )
    pasted = {kind: unescape(text) for kind, text in blocks}
    markdown, bibtex, source = (pasted[kind] for kind in ('markdown', 'bibtex', 'html'))
    assert 'corrected with N4 [@n4].' in markdown
    cited = set(re.findall(r'@([\w:-]+)', markdown.split('# References')[0]))
    assert set(re.findall(r'^@\w+\{(\w+),', bibtex, re.M)) == cited
    assert bibtex.count('{') == bibtex.count('}')
    assert '<a href="#ref-n4">1</a>' in source
    assert all(f'id="ref-{key}"' in source for key in cited)


def test_a_session_too_large_says_what_it_left_out(tmp_path, qc, add_scan, monkeypatch, report):
    for run in range(1, 4):
        add_scan(f'sub-01_run-{run}', qc)
    most = int(0.6 * len(report()[0].encode()))
    monkeypatch.setattr('ulfprep.reports.participant.MOST_BYTES', most)
    html, page = report()
    assert len(html.encode()) <= most
    (count,) = re.findall(r'(\d+) pictures are not in this page', page.text)
    links = re.findall(r'<a href="(sub-01/figures/.*?)">', html)
    assert len(links) == int(count) > 0
    assert all((tmp_path / link).is_file() for link in links)
    # Nothing was missing, and what matters most stayed.
    assert 'Missing figure' not in html
    assert not any('enhancement' in link or 'residual' in link for link in links)
    assert page.tags.count('img') + len(links) == 3 * (len(FIGURES['enhance']) - 1)
