"""The page of a study, as text."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from many_scans import make_output, thumbnail
from records import FUSION, judged, make_json

from ulfprep.bids.files import write_json, write_text
from ulfprep.metrics.registry import all_metrics
from ulfprep.reports.drawing.thumbnail import addresses
from ulfprep.reports.group.page import report_links, write_group_page
from ulfprep.reports.group.study import gather
from ulfprep.reports.participant import write_report
from ulfprep.reports.values import number

HOSTILE = '<script>alert("x")</script>'


@pytest.fixture
def record(qc):
    """A QC record with a value of every metric of enhanced scans."""
    metrics = dict.fromkeys(all_metrics(), 1.0) | {
        'contrast_target': 0.4, 'contrast_wm_gm': 0.4, 'snr_wm': 16.0, 'volume_brain': 1900.0,
        'residual_mean': 0.01, 'residual_beyond_3': 0.003, 'tissue_change_mean': 0.02,
        'uncertainty_p95': 0.15, 'contrast_gain': 2.0, 'efc': None,
    }  # fmt: skip
    return json.loads(json.dumps(qc)) | {'metrics': metrics}


def page_of(out, *args, **options):
    return write_group_page(out, gather(out, *args), **options).read_text(encoding='utf-8')


class Page(HTMLParser):
    """What a page refers to, and the ids that it has."""

    def __init__(self, html):
        super().__init__()
        self.ids, self.links, self.sources = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids += [attrs['id']] if 'id' in attrs else []
        self.links += [attrs['href']] if tag == 'a' else []
        self.sources += [attrs['src']] if 'src' in attrs else []


def rows_of(html):
    """Return scan -> metric -> (value, text) of the table of all scans."""
    table = html[html.index('<table class="all"') :]
    table = table[: table.index('</table>')]
    heads = re.findall(r'<th scope="col"[^>]*>([^<]+)</th>', table)
    found = {}
    for row in re.findall(r'<tr id="row\d+">(.*?)</tr>', table, re.S):
        name = re.sub('<[^>]+>', '', re.search(r'<th[^>]*>(.*?)</th>', row, re.S)[1])
        cells = re.findall(r'<td([^>]*)>(.*?)</td>', row, re.S)
        found[name] = {
            head: (re.search(r'data-v="([^"]+)"', attributes), re.sub('<[^>]+>', '', text))
            for head, (attributes, text) in zip(heads[1:], cells, strict=True)
        }
    return found


def test_every_number_is_that_of_the_qc_file(tmp_path, record):
    made = make_output(record, tmp_path, 30)
    rows = rows_of(page_of(tmp_path))
    assert {*rows} == {*made['finished']}
    compared = 0
    for name, cells in rows.items():
        subject = name.split('_')[0]
        qc = json.loads((tmp_path / f'{subject}/anat/{subject}_desc-qc_T1w.json').read_text())
        for metric, value in qc['metrics'].items():
            if metric not in cells:
                assert value is None
                continue
            stored, text = cells[metric]
            assert float(stored[1]) == value
            assert text == number(value, 3)
            compared += 1
    assert compared > 30 * 29


def test_who_to_look_at_comes_first_with_reasons(tmp_path, record):
    make_output(record, tmp_path, 40)
    for subject, metrics in {'005': {'residual_rms': 3.0}, '009': {'residual_mean': 0.5}}.items():
        path = tmp_path / f'sub-{subject}/anat/sub-{subject}_desc-qc_T1w.json'
        qc = json.loads(path.read_text())
        qc['metrics'] = record['metrics'] | metrics
        write_json(path, judged(qc))
    html = page_of(tmp_path)
    section = html[html.index('<section id="look">') : html.index('<section id="unfinished">')]
    names = re.findall(r'<th scope="row"><a[^>]*>([^<]+)</a>', section)
    assert names[:1] == ['sub-005_T1w']
    assert 'sub-009_T1w' in names[1:3]  # sub-007 scatters far by itself
    assert 'residual_rms is 3 ' in section
    assert 'href="sub-005.html#s1"' in section
    sheet = html[html.index('<section id="sheet">') : html.index('class="set"')]
    assert re.findall(r'<li class="(\w+)" id="picture-([^"]+)"', sheet)[0] == (
        'failed',
        'sub-005_T1w',
    )


def test_failed_and_missing_scans_are_listed_with_reasons(tmp_path, record):
    made = make_output(record, tmp_path, 120)
    html = page_of(tmp_path)
    section = html[html.index('<section id="unfinished">') : html.index('<section id="sheet">')]
    for name in (*made['failed'], *made['missing']):
        assert name in section
    assert 'no brain was found in the image' in section
    assert 'neither finished nor failed' in section
    assert 'sub-020.html#s1' in section
    # Scans of one reason stand together.
    assert section.count('<tr>') == 1 + 4
    assert f'{len(made["failed"])}</b> <span>could not be processed' in html


def test_links_lead_to_the_scan_in_the_report(tmp_path, qc, add_scan):
    for stem in ('sub-01_run-2', 'sub-01_run-10', 'sub-01_acq-x'):
        add_scan(stem, qc)
    add_scan('sub-01_acq-broken', None)
    report = write_report(tmp_path, '01').read_text(encoding='utf-8')
    links = report_links(gather(tmp_path))
    assert len(links) == 4
    for name, link in links.items():
        page, _, anchor = link.partition('#')
        assert page == 'sub-01.html'
        title = re.search(rf'<h2 id="{anchor}-title">.*?</h2>', report, re.S)[0]
        assert f'<small>{name}</small>' in title


def test_the_page_is_whole_and_self_contained(tmp_path, record):
    make_output(record, tmp_path, 12)
    html = page_of(tmp_path)
    page = Page(html)
    assert len(page.ids) == len(set(page.ids))
    for link in page.links:
        target, _, anchor = link.partition('#')
        if target:
            assert (tmp_path / target).is_file(), link
        else:
            assert anchor in page.ids, link
    pictures = [source for source in page.sources if source.startswith('data:image/')]
    assert len(set(pictures)) == 12
    assert pictures == page.sources
    assert '://' not in html.replace('http://www.w3.org/', '')
    assert page_of(tmp_path) == html


def test_every_process_writes_the_same_page(tmp_path, record):
    make_output(record, tmp_path, 60)
    code = (
        'import sys, pathlib; from ulfprep.reports.group import page, study;'
        'out = pathlib.Path(sys.argv[1]); page.write_group_page(out, study.gather(out))'
    )
    pages = set()
    for seed in '012':  # of the hashes that order sets
        run = [sys.executable, '-c', code, str(tmp_path)]
        subprocess.run(run, check=True, env=os.environ | {'PYTHONHASHSEED': seed})
        pages.add((tmp_path / 'group.html').read_bytes())
    assert len(pages) == 1


def test_what_scans_are_called_and_say_is_escaped(tmp_path, record):
    for subject in '01':
        qc = record | {'verdict': {'level': 'look', 'reasons': [HOSTILE]}}
        write_json(tmp_path / f'sub-{subject}/anat/sub-{subject}_desc-qc_T1w.json', qc)
    write_json(
        tmp_path / 'logs/verdicts/sub-9_T1w.json',
        {
            'scan': 'sub-9_T1w', 'entities': {'subject': '9'}, 'status': 'failed', 'node': HOSTILE,
            'kind': 'E', 'message': HOSTILE, 'traceback': HOSTILE, 'run': HOSTILE,
        },
    )  # fmt: skip
    html = page_of(tmp_path, {'0': HOSTILE, '1': HOSTILE}, HOSTILE)
    assert HOSTILE not in html
    assert html.count('<script>') == 1


def test_one_scan_is_enough(tmp_path, record):
    make_output(record, tmp_path, 1)
    html = page_of(tmp_path)
    assert 'No outliers are marked' in html
    assert 'None: every finished scan is usable' in html
    assert len(rows_of(html)) == 1


def test_directions_and_modalities_stand_apart(tmp_path, record):
    write_json(tmp_path / 'sub-1/anat/sub-1_desc-qc_T1w.json', record)
    write_json(tmp_path / 'sub-1/anat/sub-1_desc-qc_T2w.json', record)
    other = record | {'direction': 'simulate', 'metrics': {'ratio_gm_wm': 0.8, 'snr_wm': 2.0}}
    write_json(tmp_path / 'sub-2/anat/sub-2_desc-qc_T1w.json', other)
    html = page_of(tmp_path)
    for title in ('T1w, enhanced', 'T1w, simulated', 'T2w, enhanced'):
        assert f'Distributions: {title} ' in html
    page = Page(html)
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith('#')} <= {*page.ids}
    rows = rows_of(html)
    assert rows['sub-2_T1w']['Direction'][1] == 'simulated'
    assert rows['sub-2_T1w']['cjv'] == (None, 'n/a')


def test_fused_scans_have_one_picture(tmp_path, record):
    for name, role in {'run-1_': 'member', 'run-2_': 'member', '': 'fused'}.items():
        qc = record | {
            'fusion': make_json(fusion=replace(FUSION, role=role))['fusion'],
            'verdict': {'level': 'look', 'reasons': ['dark']},
        }
        write_json(tmp_path / f'sub-1/anat/sub-1_{name}desc-qc_T1w.json', qc)
    html = page_of(tmp_path)
    assert re.findall(r'id="picture-([^"]+)"', html) == ['sub-1_T1w']
    page = Page(html)
    assert {link[1:] for link in page.links if link.startswith('#')} <= {*page.ids}


def test_nothing_finished_is_said(tmp_path):
    image = {'image': 'sub-01_T1w.nii.gz', 'selected': True, 'text': 'selected'}
    write_json(tmp_path / 'logs/selection/sub-01.json', {'images': [image]})
    html = page_of(tmp_path)
    assert 'No scan is finished' in html
    assert 'sub-01_T1w' in html


def test_groups_and_settings_are_told_apart(tmp_path, record):
    make_output(record, tmp_path, 24)
    path = tmp_path / 'sub-003/anat/sub-003_desc-qc_T1w.json'
    qc = json.loads(path.read_text())
    write_json(path, qc | {'settings_hash': 'feed', 'settings': qc['settings'] | {'seed': 2}})
    groups = {f'{n:03d}': 'north' if n % 2 else 'south' for n in range(1, 25)}
    html = page_of(tmp_path, groups, 'site')
    assert 'made with 2 different settings' in html
    assert 'seed = 2' in html
    assert 'Groups by site' in html
    assert '<p class="of">north <small>' in html
    # Of the scan with other settings there is only one, and it is in the north.
    assert re.findall(r'No outliers are marked([^:]*):', html)[-1] in (' in north', '')


def test_dots_are_links_where_they_are_marked(tmp_path, record):
    make_output(record, tmp_path, 40)
    path = tmp_path / 'sub-004/anat/sub-004_desc-qc_T1w.json'
    qc = json.loads(path.read_text())
    qc['metrics']['cjv'] = 50.0
    write_json(path, qc)
    html = page_of(tmp_path)
    plot = html[html.index('id="set1-cjv"') :]
    plot = plot[: plot.index('</svg>')]
    assert 'href="sub-004.html#s1"' in plot
    assert '<title>sub-004_T1w: 50</title>' in plot
    drawn = re.search(r'data-rows="([^"]*)" d="([^"]*)"', plot)
    marked = plot.count('<title>')
    assert len(drawn[1].split()) + marked == 39
    assert drawn[2].count('M') == len(drawn[1].split())


def test_pictures_keep_to_a_budget(tmp_path):
    import numpy as np

    files = {}
    for seed in range(20):
        files[f'scan{seed}'] = tmp_path / f'{seed}.svg'
        thumbnail(files[f'scan{seed}'], np.random.default_rng(seed))
    whole = addresses(files)
    total = sum(map(len, whole.values()))
    assert len(whole) == 20
    smaller = addresses(files, total // 3)
    assert len(smaller) == 20
    assert sum(map(len, smaller.values())) <= total // 3
    assert len(addresses(files, 4000)) < 20
    # One that vanishes, and one that is no picture.
    files['scan0'].unlink()
    write_text(files['scan1'], '<svg></svg>')
    found = addresses(files, total // 3)
    assert 'scan0' not in found
    assert found['scan1'].startswith('data:image/svg+xml,')
