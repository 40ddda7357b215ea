"""The page of a study, as text."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from many_scans import make_output, thumbnail
from pages import HOSTILE, Page
from records import FUSION, METRICS, judged, make_json

from ulfprep.bids.files import write_json, write_text
from ulfprep.reports.drawing.thumbnail import addresses
from ulfprep.reports.group.page import report_links, write_group_page
from ulfprep.reports.group.study import gather
from ulfprep.reports.participant import write_report
from ulfprep.reports.values import number


@pytest.fixture
def record(qc):
    """A QC record with a value of every metric of enhanced scans."""
    return qc | {'metrics': METRICS | {'efc': None}}


@pytest.fixture
def change(tmp_path):
    """Return a function that changes metrics of one scan of many, and its record."""

    def change(subject, metrics=None, **more):
        path = tmp_path / f'sub-{subject}/anat/sub-{subject}_desc-qc_T1w.json'
        qc = json.loads(path.read_text())
        write_json(path, judged(qc | {'metrics': qc['metrics'] | (metrics or {})}) | more)

    return change


def page_of(out, *args):
    """Return the page as text; its links within it lead somewhere."""
    html = write_group_page(out, gather(out, *args)).read_text(encoding='utf-8')
    page = Page(html)
    assert {link[1:] for link in page.links if link.startswith('#')} <= {*page.ids}
    return html


def between(html, start, end):
    return html[html.index(start) : html.index(end, html.index(start))]


def rows_of(html):
    """Return scan -> metric -> (value, text) of the table of all scans."""
    table = between(html, '<table class="all"', '</table>')
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
            assert (float(stored[1]), text) == (value, number(value, 3))
            compared += 1
    assert compared > 30 * 29


def test_who_to_look_at_comes_first_with_reasons(tmp_path, record, change):
    make_output(record, tmp_path, 40)
    change('005', record['metrics'] | {'residual_rms': 3.0})
    change('009', record['metrics'] | {'residual_mean': 0.5})
    html = page_of(tmp_path)
    section = between(html, '<section id="look">', '<section id="unfinished">')
    names = re.findall(r'<th scope="row"><a[^>]*>([^<]+)</a>', section)
    assert names[:1] == ['sub-005_T1w']
    assert 'sub-009_T1w' in names[1:3]  # sub-007 scatters far by itself
    assert 'residual_rms is 3 ' in section
    assert 'href="sub-005.html#s1"' in section
    cards = re.findall(r'<li class="(\w+)" id="picture-([^"]+)"', html)
    assert cards[0] == ('failed', 'sub-005_T1w')


def test_failed_and_missing_scans_are_listed_with_reasons(tmp_path, record):
    made = make_output(record, tmp_path, 120)
    html = page_of(tmp_path)
    section = between(html, '<section id="unfinished">', '<section id="sheet">')
    for words in (
        *made['failed'], *made['missing'], 'no brain was found in the image',
        'neither finished nor failed', 'sub-020.html#s1',
    ):  # fmt: skip
        assert words in section
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
    files = {link.partition('#')[0] for link in page.links} - {''}
    assert files
    assert all((tmp_path / name).is_file() for name in files)
    pictures = [source for source in page.loads if source.startswith('data:image/')]
    assert len(set(pictures)) == 12
    assert pictures == page.loads
    assert '://' not in html.replace('http://www.w3.org/', '')


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
    failure = dict.fromkeys(('node', 'kind', 'message', 'traceback', 'run'), HOSTILE)
    failure |= {'scan': 'sub-9_T1w', 'entities': {'subject': '9'}, 'status': 'failed'}
    write_json(tmp_path / 'logs/verdicts/sub-9_T1w.json', failure)
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
    other = record | {'direction': 'simulate', 'metrics': {'ratio_gm_wm': 0.8, 'snr_wm': 2.0}}
    for name, qc in {'1_T1w': record, '1_T2w': record, '2_T1w': other}.items():
        subject, _, suffix = name.partition('_')
        write_json(tmp_path / f'sub-{subject}/anat/sub-{subject}_desc-qc_{suffix}.json', qc)
    html = page_of(tmp_path)
    for title in ('T1w, enhanced', 'T1w, simulated', 'T2w, enhanced'):
        assert f'Distributions: {title} ' in html
    rows = rows_of(html)
    assert rows['sub-2_T1w']['Direction'][1] == 'simulated'
    assert rows['sub-2_T1w']['cjv'] == (None, 'n/a')


def test_fused_scans_have_one_picture(tmp_path, record):
    for name, role in {'run-1_': 'member', 'run-2_': 'member', '': 'fused'}.items():
        fusion = make_json(fusion=replace(FUSION, role=role))['fusion']
        qc = record | {'fusion': fusion, 'verdict': {'level': 'look', 'reasons': ['dark']}}
        write_json(tmp_path / f'sub-1/anat/sub-1_{name}desc-qc_T1w.json', qc)
    assert re.findall(r'id="picture-([^"]+)"', page_of(tmp_path)) == ['sub-1_T1w']


def test_nothing_finished_is_said(tmp_path):
    image = {'image': 'sub-01_T1w.nii.gz', 'selected': True, 'text': 'selected'}
    write_json(tmp_path / 'logs/selection/sub-01.json', {'images': [image]})
    html = page_of(tmp_path)
    assert 'No scan is finished' in html
    assert 'sub-01_T1w' in html


def test_groups_and_settings_are_told_apart(tmp_path, record, change):
    make_output(record, tmp_path, 24)
    change('003', settings_hash='feed', settings=record['settings'] | {'seed': 2})
    groups = {f'{n:03d}': 'north' if n % 2 else 'south' for n in range(1, 25)}
    html = page_of(tmp_path, groups, 'site')
    for words in (
        'made with 2 different settings', 'seed = 2', 'Groups by site',
        '<p class="of">north <small>',
    ):  # fmt: skip
        assert words in html
    # Of the scan with other settings there is only one, and it is in the north.
    assert re.findall(r'No outliers are marked([^:]*):', html)[-1] in (' in north', '')


def test_dots_are_links_where_they_are_marked(tmp_path, record, change):
    make_output(record, tmp_path, 40)
    change('004', {'cjv': 50.0})
    plot = between(page_of(tmp_path), 'id="set1-cjv"', '</svg>')
    assert 'href="sub-004.html#s1"' in plot
    assert '<title>sub-004_T1w: 50</title>' in plot
    rows, path = re.search(r'data-rows="([^"]*)" d="([^"]*)"', plot).groups()
    assert len(rows.split()) + plot.count('<title>') == 39
    assert path.count('M') == len(rows.split())


def test_pictures_keep_to_a_budget(tmp_path):
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
