"""The verdict on a page: of the QC file, and of what went wrong beside it."""

from ulfprep.record import Verdict
from ulfprep.reports.pages import scan_verdict
from ulfprep.reports.participant import page_verdict

GOOD, NOISY = Verdict('usable'), Verdict('look', ('the scan is noisy',))


def test_the_verdict_of_the_file_counts():
    assert scan_verdict(NOISY) == NOISY


def test_missing_figures_have_to_be_looked_at():
    assert scan_verdict(GOOD, missing=['bias']).reasons == ('a figure is missing: bias',)
    verdict = scan_verdict(NOISY, missing=['bias', 'loss'])
    assert verdict == Verdict('look', ('the scan is noisy', 'figures are missing: bias, loss'))


def test_a_crash_fails_a_scan_and_comes_first():
    verdict = scan_verdict(NOISY, crashes=['out of memory'])
    assert verdict == Verdict('failed', ('out of memory', 'the scan is noisy'))
    assert scan_verdict(None, problem='it has no QC file').level == 'failed'


def test_a_page_is_as_good_as_its_worst_scan():
    usable, look = Verdict('usable'), Verdict('look', ('noisy',))
    assert page_verdict([look], []) == look
    assert page_verdict([usable, look, usable], []) == Verdict(
        'look', ('3 scans: 2 usable, 1 look',)
    )
    assert page_verdict([], []) == Verdict('failed', ('no scan was finished',))
    assert page_verdict([usable], ['disk full']) == Verdict('look', ('disk full',))


def test_nothing_wrong_is_usable():
    assert scan_verdict(GOOD) == GOOD
