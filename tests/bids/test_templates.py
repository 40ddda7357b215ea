"""Which template of TemplateFlow is at hand, without asking TemplateFlow."""

import pytest

from ulfprep.bids.templates import NoTemplateError, find_template, templateflow_home

SPACE = 'MNI152NLin2009cAsym'


@pytest.fixture
def put(tmp_path):
    """Return a function that puts a file of the template into its folder."""

    def put(rest, content=b'x'):
        path = tmp_path / f'tpl-{SPACE}' / f'tpl-{SPACE}{rest}.nii.gz'
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path

    return put


def test_the_finest_resolution_is_taken(tmp_path, put):
    for resolution in ('02', '01'):
        put(f'_res-{resolution}_T1w')
        put(f'_res-{resolution}_desc-brain_mask')
    found = find_template(SPACE, tmp_path)
    assert found.image.name == f'tpl-{SPACE}_res-01_T1w.nii.gz'
    assert found.mask.name == f'tpl-{SPACE}_res-01_desc-brain_mask.nii.gz'


def test_a_brain_without_its_head_needs_no_mask(tmp_path, put):
    put('_res-1_desc-brain_T1w')
    found = find_template(SPACE, tmp_path)
    assert (found.image.name, found.mask) == (f'tpl-{SPACE}_res-1_desc-brain_T1w.nii.gz', None)


def test_a_place_holder_is_no_template(tmp_path, put):
    # TemplateFlow fills its folder with files of no bytes, and fetches when one is asked for.
    put('_res-01_T1w', b'')
    put('_res-01_desc-brain_mask')
    put('_res-02_T1w')
    put('_res-02_desc-brain_mask')
    assert find_template(SPACE, tmp_path).image.name == f'tpl-{SPACE}_res-02_T1w.nii.gz'


def test_what_is_missing_is_named_in_one_line(tmp_path, put):
    put('_res-01_T1w')
    with pytest.raises(NoTemplateError) as error:
        find_template(SPACE, tmp_path)
    message = str(error.value)
    assert str(tmp_path / f'tpl-{SPACE}' / f'tpl-{SPACE}_res-01_T1w.nii.gz') in message
    assert f'tpl-{SPACE}_res-01_desc-brain_mask.nii.gz' in message
    assert 'TEMPLATEFLOW_HOME' in message
    assert '\n' not in message


def test_the_folder_is_templateflows_own(tmp_path, monkeypatch):
    monkeypatch.setenv('TEMPLATEFLOW_HOME', str(tmp_path / 'own'))
    assert templateflow_home() == tmp_path / 'own'
    monkeypatch.delenv('TEMPLATEFLOW_HOME')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    assert templateflow_home() == tmp_path / 'cache' / 'templateflow'


def test_nothing_is_made_where_no_template_is(tmp_path, monkeypatch):
    monkeypatch.setenv('TEMPLATEFLOW_HOME', str(tmp_path / 'nowhere'))
    with pytest.raises(NoTemplateError):
        find_template(SPACE)
    assert list(tmp_path.iterdir()) == []
