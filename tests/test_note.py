"""Notes: a sentence with a level, the same in logs, files and pages."""

import pytest

from ulfprep.note import Note, warning, warnings_in


def test_what_a_note_is_about_changes_its_words_and_not_its_level():
    assert warning('it is cut off.').about('the reference') == warning(
        'of the reference: it is cut off.'
    )
    assert Note('It came stripped.').about('it').level == 'info'


def test_warnings_are_found_among_notes_and_marked_in_text():
    notes = [Note('It came stripped.'), warning('it is cut off.')]
    assert list(map(str, warnings_in(notes))) == ['Warning: it is cut off.']
    assert str(notes[0]) == 'It came stripped.'


def test_a_level_that_nobody_knows_is_refused():
    with pytest.raises(ValueError, match='grave'):
        Note('x', 'grave')
