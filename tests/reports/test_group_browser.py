"""The page of a study as a reader sees it."""

import json
import re

import pytest
from browser import NARROW, WIDE, needs_browser, opened
from many_scans import make_output
from records import METRICS, judged, make_json

from ulfprep.reports.group.page import write_group_page
from ulfprep.reports.group.study import gather

pytestmark = needs_browser
RECORD = make_json(metrics=METRICS)


@pytest.fixture(scope='module')
def page(tmp_path_factory):
    """The page of 25 scans of two sites, some of them failed; one is clearly unlike the others."""
    out = tmp_path_factory.mktemp('study')
    make_output(RECORD, out, 25)
    path = out / 'sub-004/anat/sub-004_desc-qc_T1w.json'
    qc = json.loads(path.read_text())
    qc['metrics'] |= {'cjv': 50.0, 'residual_rms': 3.0}
    path.write_text(json.dumps(judged(qc)))
    groups = {f'{n:03d}': ('Groningen', 'Kampala')[n % 2] for n in range(1, 26)}
    return write_group_page(out, gather(out, groups, 'site'))


@pytest.mark.parametrize('width', [WIDE, NARROW])
def test_the_page_is_clean_and_whole_and_keeps_nobody_out(chromium, page, width, tmp_path):
    with opened(chromium, page, width) as look:
        assert look.page.locator('section').evaluate_all('all => all.map(e => e.id)') == [
            'look', 'unfinished', 'sheet', 'set1', 'table', 'groups', 'settings', 'about',
        ]  # fmt: skip
        deviations = look.picture_deviations('.sheet img')
        assert len(deviations) == 24
        assert min(deviations.values()) > 20
        assert look.page.locator('svg.spread').count() > 2 * 30
        strip = look.page.locator('svg.spread').first
        assert look.pixels(strip).std() > 5
        assert look.beyond_the_edge() == []
        # The table of all scans scrolls in a box of its own, under its heads.
        assert look.overlaps('section:not(#table) :is(h2, p, th, td, li, .badge)') == []
        assert look.trouble == []
        look.keep(f'group-{width}', tmp_path)
        assert look.violations() == []


def order(look):
    return look.page.locator('#all tbody th').evaluate_all('all => all.map(e => e.innerText)')


def test_the_table_sorts_and_filters_by_keyboard(chromium, page):
    with opened(chromium, page) as look:
        before = order(look)
        head = look.page.locator('#all thead th', has_text=re.compile('^cjv$'))
        head.locator('button').press('Enter')
        rising = order(look)
        assert head.get_attribute('aria-sort') == 'ascending'
        head.locator('button').press('Space')
        falling = order(look)
        assert head.get_attribute('aria-sort') == 'descending'
        assert falling[0] == 'sub-004_T1w'
        # What has no value stands last both ways.
        assert falling[-1] == rising[-1] == 'sub-020_T1w'
        assert rising[:-1] == falling[-2::-1]
        values = look.page.locator('#all tbody tr').evaluate_all(
            '(all, i) => all.map(r => +(r.cells[i]?.dataset.v ?? NaN))',
            head.evaluate('e => e.cellIndex'),
        )[:-1]
        assert values == sorted(values, reverse=True)
        look.page.locator('#all thead button').first.press('Enter')
        assert order(look) == sorted(before)
        look.page.locator('#filter').fill('kampala')
        shown = look.page.locator('#all tbody tr:visible').count()
        assert 0 < shown < len(before)
        assert look.page.locator('#shown').inner_text() == f'{shown} of {len(before)}'
        assert look.trouble == []


def test_the_dot_under_the_pointer_is_named(chromium, page):
    with opened(chromium, page) as look:
        plot = look.page.locator('#set1-cnr_wm_gm')
        plot.scroll_into_view_if_needed()
        strip = plot.locator('svg.spread').first
        place = strip.locator('.dots').evaluate(
            'e => /M([0-9.]+) ([0-9.]+)/.exec(e.getAttribute("d")).slice(1).map(Number)'
        )
        row = strip.locator('.dots').get_attribute('data-rows').split()[0]
        box = strip.bounding_box()
        scale = box['width'] / 600
        at = {'x': place[0] * scale, 'y': place[1] * scale}
        strip.hover(position=at, force=True)
        name = look.page.locator(f'#row{row} th').inner_text()
        assert name in plot.locator('.axis').inner_text()
        look.page.mouse.move(0, 0)
        assert 'median' in plot.locator('.axis').inner_text()
        strip.click(position=at, force=True)
        look.page.wait_for_url('**/sub-*.html*')
        assert name.removesuffix('_T1w') in look.page.url


def test_without_scripts_everything_is_there(chromium, page):
    with opened(chromium, page, javascript=False) as look:
        text = look.page.locator('main').inner_text()
        assert 'sub-004_T1w' in text
        assert 'residual_rms is 3 ' in text
        assert look.page.locator('#all tbody tr:visible').count() == 25
        assert look.page.locator('.with-script:visible').count() == 0
        assert look.page.locator('svg.spread a').count() > 0


def test_on_paper_nothing_is_cut(chromium, page):
    with opened(chromium, page) as look:
        look.page.emulate_media(media='print')
        assert not look.page.locator('nav').is_visible()
        assert not look.page.locator('#table').is_visible()
        assert look.page.locator('#sheet img:visible').count() == 24


def test_hundreds_of_scans_fit_into_one_page(chromium, tmp_path):
    make_output(RECORD, tmp_path, 300)
    path = write_group_page(tmp_path, gather(tmp_path))
    assert path.stat().st_size < 8_000_000
    with opened(chromium, path) as look:
        look.page.locator('#about').wait_for()
        assert look.page.locator('.sheet img').count() == 287
        look.page.locator('.sheet img').last.scroll_into_view_if_needed()
        assert look.pixels(look.page.locator('.sheet img').last).std() > 20
        assert look.trouble == []
        look.keep('group-hundreds', tmp_path)
