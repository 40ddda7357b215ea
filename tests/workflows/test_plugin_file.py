"""A plugin of Nipype runs all scans where a file asks for it."""

import pytest
from runs import QUICK

from ulfprep.cli.main import main
from ulfprep.workflows.engine.plugin_file import (
    graph_plugin_names,
    plugin_names,
    read_plugin_file,
)


@pytest.mark.parametrize('name', ['Linear', 'MultiProc', 'PBS', 'SLURM'])
def test_any_plugin_of_nipype_is_taken_with_its_arguments(tmp_path, name):
    file = tmp_path / 'plugin.yml'
    file.write_text(f'plugin: {name}\nplugin_args: {{qsub_args: -q long}}')
    assert read_plugin_file(file) == (name, {'qsub_args': '-q long'})
    assert name in plugin_names()


def test_a_plugin_that_does_not_wait_is_refused(tmp_path):
    file = tmp_path / 'plugin.yml'
    assert 'SLURMGraph' in graph_plugin_names()
    file.write_text('plugin: SLURMGraph')
    with pytest.raises(ValueError, match='returns at once'):
        read_plugin_file(file)


@pytest.mark.usefixtures('in_process')
def test_scans_run_in_the_plugin_and_are_judged_one_by_one(make_dataset, tmp_path, monkeypatch):
    """No child is started, and a bad scan costs no other."""
    from ulfprep import inr

    root, whole = make_dataset('sub-01', 'sub-02'), inr.fit_scans

    def fit_scans(*args, progress, **kwargs):
        if progress.label.startswith('sub-01'):
            raise ValueError('no field could be fitted')
        return whole(*args, progress=progress, **kwargs)

    def never(*args):
        raise AssertionError('a child was started')

    monkeypatch.setattr(inr, 'fit_scans', fit_scans)
    monkeypatch.setattr('ulfprep.workflows.engine.pool.in_children', never)
    (tmp_path / 'plugin.yml').write_text('plugin: Linear')
    words = ['-w', tmp_path / 'work', *QUICK, '--use-plugin', tmp_path / 'plugin.yml']
    assert main([str(w) for w in (root, tmp_path / 'out', 'participant', *words)]) == 1
    assert not (tmp_path / 'out/sub-01/anat/sub-01_desc-qc_T1w.json').exists()
    assert (tmp_path / 'out/sub-02/anat/sub-02_desc-qc_T1w.json').exists()
