"""The report as a reader sees it, in Chromium with the network off."""

import pytest
from browser import NARROW, WIDE, needs_browser, opened

from ulfprep.bids.write.derivatives import FIGURES
from ulfprep.reports.pages import ELSEWHERE
from ulfprep.reports.participant import write_report

pytestmark = needs_browser
#: Standard deviation of the pixels (0 to 255) of the emptiest picture: a chart of thin lines.
NOT_BLANK = 8


@pytest.fixture
def page(tmp_path, qc, add_scan):
    """A report of everything that there can be: two scans, a failure."""
    qc['notes'].append({'text': 'the brain mask holds 2008 ml.', 'level': 'warning'})
    qc['metrics'] |= {'cnr_wm_gm': 1.7, 'claim_mean': 0.35, 'uncertainty_p95': 0.4}
    add_scan('sub-01_run-1', qc)
    add_scan('sub-01_run-2', qc, leave_out=('claim',))
    failure = {
        'scan': 'sub-01_run-3_T1w',
        'message': 'no brain was found in a picture whose name is long ' + 'x' * 90,
        'traceback': 'Traceback (most recent call last):\n' + 'y' * 300,
    }
    return write_report(tmp_path, '01', errors=[failure])


@pytest.mark.parametrize('width', [WIDE, NARROW])
def test_the_report_is_whole_and_keeps_nobody_out_at_every_width(tmp_path, page, chromium, width):
    with opened(chromium, page, width) as look:
        assert look.beyond_the_edge() == []
        assert look.overlaps() == []
        deviations = look.picture_deviations()
        figures = len(FIGURES['enhance']) - len(ELSEWHERE)
        assert len(deviations) == 2 * figures - 1
        assert {k: v for k, v in deviations.items() if v < NOT_BLANK} == {}
        titles = 'Summary', 'Enhanced against the scan', 'Where not to believe it', 'Metrics'
        for title in titles:
            assert look.page.get_by_role('heading', name=title, exact=True).count() == 2, title
        look.keep(f'participant-{width}', tmp_path)
        assert look.trouble == []
        look.page.evaluate('document.querySelectorAll("details").forEach((d) => d.open = true)')
        assert look.violations() == []


def test_without_scripts_everything_is_there(page, chromium):
    with opened(chromium, page, NARROW, javascript=False) as look:
        assert look.beyond_the_edge() == []
        assert look.page.locator('.slide, .copy').count() == 0
        figure = look.page.locator('.flick').first
        both = look.pixels(figure.locator('.stage')).shape[0]
        figure.locator('.first + label').click()
        assert look.pixels(figure.locator('.stage')).shape[0] < 0.6 * both
        definition = look.page.locator('.definition').first
        definition.locator('summary').click()
        assert definition.evaluate('e => e.open')


def test_the_keyboard_flicks_between_the_two_pictures(page, chromium):
    with opened(chromium, page) as look:
        figure = look.page.locator('.flick').first
        figure.locator('.both').focus()
        shown = []
        for view in ('first', 'second'):
            look.page.keyboard.press('ArrowRight')
            assert figure.locator(f'.{view}').is_checked()
            shown.append(look.pixels(figure.locator('.stage')))
        assert shown[0].shape == shown[1].shape
        assert abs(shown[0] - shown[1]).mean() > 1


def test_the_slider_shows_one_picture_on_each_side(page, chromium):
    with opened(chromium, page) as look:
        figure = look.page.locator('.flick').first
        stage = figure.locator('.stage')

        def picture(view):
            figure.locator(f'.{view} + label').click()
            look.page.mouse.move(1, 1)  # a single picture shows the other one under the pointer
            return look.pixels(stage)

        first, second = picture('first'), picture('second')
        figure.locator('.slide + label').click()
        edge = figure.locator('.edge')
        edge.focus()
        for position, keys in ((50, []), (0, ['Home']), (100, ['End'])):
            for key in keys:
                look.page.keyboard.press(key)
            assert edge.input_value() == str(position)
            slid = look.pixels(stage)
            middle = slid.shape[1] * position // 100
            left, right = slice(0, max(middle - 4, 0)), slice(middle + 4, None)
            for part, expected in ((left, first), (right, second)):
                if slid[:, part].size:
                    assert abs(slid[:, part] - expected[:, part]).mean() < 1, position


def test_a_page_can_be_printed(page, chromium):
    with opened(chromium, page) as look:
        look.page.emulate_media(media='print')
        assert not look.page.locator('nav').is_visible()
        assert not look.page.locator('.views').first.is_visible()
        # Paper cannot be clicked: both pictures are there, and so is what was folded.
        look.page.locator('.flick .second').first.evaluate('e => { e.checked = true; }')
        box = look.page.locator('.flick .stage').first.bounding_box()
        image = look.page.locator('.flick img').first.bounding_box()
        assert image['height'] <= box['height'] + 1
        assert look.page.locator('.definition').first.evaluate('e => e.innerText.length') > 20
        assert look.trouble == []


def test_methods_are_copied_at_a_click(page, chromium):
    with opened(chromium, page) as look:
        look.page.locator('#methods details').first.locator('summary').click()
        look.page.locator('.copy').first.click()
        look.page.wait_for_function(
            'document.querySelector(".copy").textContent !== "Copy"', timeout=5000
        )
        assert look.trouble == []
