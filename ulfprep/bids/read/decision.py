"""What is to be done with a scan, by its sidecar and the settings."""

import dataclasses

from ulfprep.bids.names import path_of_name
from ulfprep.bids.read.acquisition import (
    acquisition_note,
    field_of,
    field_strength,
    resolve_direction,
)
from ulfprep.bids.read.scan import Scan
from ulfprep.bids.task import Task
from ulfprep.note import Note, warning
from ulfprep.physics.relaxation import read_table
from ulfprep.physics.source_sequence import SourceSequence, source_sequence
from ulfprep.settings import Settings

#: Voxel size at which a field is measured and drawn, mm: that of its own lattice.
MEASURED = 1.0


def sequence_of(scan: Scan, settings: Settings) -> SourceSequence:
    """Decide which sequence a scan was made with, and how bright its tissues should be.

    Of a reference scan the field need not be known; their order, which is what is used, hardly
    depends on it.
    """
    field = settings.source_field or field_of(scan.metadata) or settings.target_field or 3.0
    table = read_table(settings.relaxation.value if settings.relaxation else ())
    stated = settings.source_sequence.value if settings.source_sequence else None
    return source_sequence(scan.metadata, float(field), scan.suffix, table, stated)


def expected_of(scan: Scan, settings: Settings) -> list[float]:
    """Return the signals of CSF, GM and WM that a scan should show, relative to WM."""
    return list(sequence_of(scan, settings).signals)


def keeps_another(settings: Settings) -> bool:
    """Tell whether the images to keep have other voxels than those that are measured."""
    return settings.output_resolution != MEASURED


def resolution_notes(settings: Settings) -> tuple[Note, ...]:
    """Return what the reader of images with other voxels than usual should know."""
    if not keeps_another(settings):
        return ()
    kept = f'{settings.output_resolution:g} mm, as asked with --output-resolution'
    measured = f'residual, metrics and figures are those of the same field at {MEASURED:g} mm'
    return (Note(f'The enhanced image, its tissues and maps are written at {kept}; {measured}.'),)


def make_task(scan: Scan, settings: Settings) -> Task:
    """Decide what to do with a scan, from its sidecar and the settings; its image is not read.

    The task has a ``problem`` and no direction if the scan has one that is known already, if its
    field strength is unknown or already the target, if no name can be made of its entities, or if
    the user's own sequence leaves no signal.
    """
    task = Task(scan, resolution=settings.output_resolution)
    if scan.problem:
        return task.refused(scan.problem)
    file = scan.path.name
    try:
        source, note = field_strength(scan.metadata, settings.source_field, file)
        direction, target = resolve_direction(source, settings.target_field, file)
        # No names for its outputs, or timings without signal: better known now than later.
        path_of_name(scan.entities, scan.suffix, '.json')
        sequence = sequence_of(scan, settings)
    except (ValueError, ArithmeticError) as error:
        said = str(error)
        return task.refused(said if file in said else f'{file}: {said}')
    asked = 'the default' if settings.target_field is None else 'as asked with --target-field'
    notes = (
        note,
        Note(f'Target field strength {target:g} T, {asked}: direction {direction}.'),
        *acquisition_note(scan.metadata),
        *scan.remarks,
        *map(warning, sequence.contradictions),
        *(resolution_notes(settings) if direction == 'enhance' else ()),
    )
    return dataclasses.replace(
        task, direction=direction, source_field=source, target_field=target, notes=notes
    )
