"""The scans of a run: selected, listed in the log, and checked by the BIDS validator."""

import logging
from typing import TYPE_CHECKING

from ulfprep.cli.exit_codes import Exit, Stop
from ulfprep.settings import Settings

if TYPE_CHECKING:
    from ulfprep.bids.read.dataset import Selection
    from ulfprep.bids.task import Task

LOGGER = logging.getLogger('ulfprep')


def select_scans(settings: Settings) -> 'tuple[Selection, list[Task]]':
    """Return what was selected and left out, and the tasks of a run; stop if there is none."""
    from ulfprep.bids.read.dataset import select
    from ulfprep.bids.read.decision import make_task
    from ulfprep.bids.read.derived_read import (
        BadDerivativeError,
        DerivativesError,
        MissingDerivativeError,
        UnclearDerivativeError,
    )
    from ulfprep.bids.read.derived_take import with_derivatives, with_masks
    from ulfprep.bids.read.highfield import ReferenceChoiceError, with_references
    from ulfprep.bids.read.index import (
        BrokenIndexError,
        DatasetError,
        IndexFolderError,
        IndexOfAnotherError,
        NoScansError,
        UnknownLabelError,
    )

    try:
        selection = select(settings)
        tasks = [make_task(scan, settings) for scan in selection.scans]
        if settings.brain_mask:
            tasks = with_masks(tasks, settings.brain_mask)
        if settings.derivatives:
            tasks = with_derivatives(tasks, settings.derivatives)
            for task in tasks:
                LOGGER.info('%s: from --derivatives: %s', task.name, task.given.in_words)
        return selection, with_references(tasks, settings)
    except (ReferenceChoiceError, DatasetError, DerivativesError, BadDerivativeError) as error:
        # The first that fits: the general kinds come last.
        codes = (
            (MissingDerivativeError, Exit.NO_INPUT),
            ((UnclearDerivativeError, ReferenceChoiceError, IndexOfAnotherError), Exit.USAGE),
            (BadDerivativeError, Exit.BAD_DATA),
            ((UnknownLabelError, NoScansError, DerivativesError), Exit.NOTHING_SELECTED),
            (BrokenIndexError, Exit.NO_INPUT),
            (IndexFolderError, Exit.CANNOT_CREATE),
            (DatasetError, Exit.INVALID_DATASET),
        )
        code = next(code for kinds, code in codes if isinstance(error, kinds))
        raise Stop(code, str(error)) from error


def tell_selection(selection: 'Selection', settings: Settings) -> None:
    """Write into the log, and for the reports, which images were selected and which were not."""
    from ulfprep.bids.store.records import selection_lines, write_selection

    for line in selection_lines(selection, settings):
        LOGGER.info('%s', line)
    write_selection(selection, settings)


def check_valid(selection: 'Selection', settings: Settings) -> None:
    """Stop where the BIDS validator finds an error that concerns the scans of a run."""
    if settings.skip_bids_validation:
        return
    from ulfprep.bids.read.validation import validate
    from ulfprep.bids.store.locks import CACHES

    participants = [scan.subject for scan in selection.scans]
    found = validate(settings.bids_dir, participants, settings.work_dir / CACHES / 'tmp')
    for note in found.notes:
        LOGGER.info('%s', note)
    for problem in found.problems:
        LOGGER.error('%s', problem)
    if found.problems:
        raise Stop(
            Exit.INVALID_DATASET,
            f'{settings.bids_dir}: the BIDS validator found errors, the first: '
            f'{found.problems[0]}; mend the dataset, name files that are none of BIDS in '
            '.bidsignore, or use --skip-bids-validation',
        )
