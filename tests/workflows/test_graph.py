"""Workflows build, connect and describe themselves."""

import dataclasses
import itertools
import re
from pathlib import Path

import pytest
from graphs import assert_all_inputs_given

from ulfprep.bids.read.dataset import find_scans
from ulfprep.bids.read.decision import make_task
from ulfprep.bids.read.highfield import other_scan
from ulfprep.bids.read.scan import Scan
from ulfprep.settings import BACKBONES, Settings
from ulfprep.workflows.jobs import safe_name
from ulfprep.workflows.run import scans_at_a_time
from ulfprep.workflows.scan import init_scan_wf


@pytest.fixture
def settings(make_dataset, tmp_path):
    return Settings(
        make_dataset('sub-01_ses-A_acq-x_run-1', 'sub-02'),
        tmp_path / 'out',
        device='cpu',
        segmentation='embedded',
        work_dir=tmp_path / 'work',
        nprocs=4,
        omp_nthreads=2,
    )


@pytest.mark.parametrize(
    ('segmentation', 'target'),
    itertools.product(['fast', 'synthseg', 'network', 'embedded'], [None, 0.01]),
)
def test_scan_workflow_builds(settings, segmentation, target):
    settings = dataclasses.replace(settings, segmentation=segmentation, target_field=target)
    task = make_task(find_scans(settings)[0], settings)
    workflow = init_scan_wf(task, settings)
    nodes = workflow.list_node_names()
    for name in ('fast', 'synthseg'):
        assert (name in nodes) == (segmentation == name)
    assert ('fit' in nodes) == (target is None)
    assert ('simulate' in nodes) == (target is not None)
    for name in nodes:
        assert re.fullmatch(r'[A-Za-z0-9_.]+', name)
    assert_all_inputs_given(workflow)


def test_threads_of_heavy_nodes_are_declared(settings):
    workflow = init_scan_wf(make_task(find_scans(settings)[0], settings), settings)
    for name in ('fit', 'measure', 'prepare'):
        assert workflow.get_node(name).n_procs == 2
    assert workflow.get_node('fit').inputs.n_threads == 2


def test_what_is_kept_has_the_output_resolution_and_what_is_measured_its_own(settings):
    chosen = dataclasses.replace(settings, output_resolution=0.5)
    task = make_task(find_scans(chosen)[0], chosen)
    assert any('--output-resolution' in note.text for note in task.notes)
    workflow = init_scan_wf(task, chosen)
    kept, measured = (workflow.get_node(n) for n in ('render_kept', 'measure'))
    assert (kept.inputs.spacing, measured.inputs.spacing) == (0.5, 1.0)
    methods = ' '.join(workflow.visit_desc().split())
    assert 'rendered at 0.5 mm, and at 1 mm for residual' in methods
    graph = workflow._create_flat_graph()
    edges = {
        (target.name, field): (source.name, out)
        for source, target, data in graph.edges(data=True)
        for out, field in data['connect']
    }
    for name in ('enhanced', 'fine_dseg', 'claim'):
        assert edges['write', name] == ('measure', name)
    assert edges['write', 'kept'] == ('render_kept', 'kept')
    assert edges['write', 'metrics_file'] == ('measure', 'metrics_file')
    plain = init_scan_wf(make_task(find_scans(settings)[0], settings), settings)
    assert 'render_kept' not in plain.list_node_names()


def test_gpu_nodes_are_known_to_the_scheduler(settings):
    for device, expected in (('cpu', False), ('cuda:1', True)):
        chosen = dataclasses.replace(settings, device=device)
        workflow = init_scan_wf(make_task(find_scans(chosen)[0], chosen), chosen)
        assert workflow.get_node('fit').is_gpu_node() is expected


def test_methods_say_what_this_workflow_does(settings):
    task = make_task(find_scans(settings)[0], settings)
    fast = dataclasses.replace(settings, segmentation='fast')
    texts = [init_scan_wf(task, chosen).visit_desc() for chosen in (settings, fast)]
    assert 'hidden Markov' in texts[0]
    assert 'FSL FAST' not in texts[0]
    assert 'FSL FAST' in texts[1]
    workflow = init_scan_wf(task, settings)
    assert 'hidden Markov' in workflow.get_node('write').inputs.methods


def test_synthseg_sees_the_corrected_scan_with_its_head(settings):
    chosen = dataclasses.replace(settings, segmentation='synthseg')
    workflow = init_scan_wf(make_task(find_scans(chosen)[0], chosen), chosen)
    node = workflow.get_node('synthseg')
    assert (node.n_procs, node.inputs.n_threads) == (2, 2)
    graph = workflow._create_flat_graph()
    ((source, _, how),) = graph.in_edges(next(n for n in graph if n.name == 'synthseg'), data=True)
    assert (source.name, how['connect']) == ('prepare', [('preproc', 'preproc')])
    methods = ' '.join(workflow.visit_desc().split())
    assert 'labelled at 1 mm with SynthSeg [@synthseg]' in methods
    assert 'hidden Markov' not in methods


def test_a_prior_reaches_the_segmentation_and_the_methods(settings):
    task = make_task(find_scans(settings)[0], settings)
    asked = dataclasses.replace(settings, tissue_prior='template')
    plain, told = (init_scan_wf(task, chosen) for chosen in (settings, asked))
    assert plain.get_node('segment').inputs.prior == 'none'
    assert told.get_node('segment').inputs.prior == 'template'
    assert 'MNI152 template [@mni152]' in told.visit_desc()
    assert 'MNI152' not in plain.visit_desc()


@pytest.mark.parametrize('backbone', BACKBONES)
def test_a_backbone_reaches_the_fit_and_the_methods(settings, backbone):
    task = make_task(find_scans(settings)[0], settings)
    workflow = init_scan_wf(task, dataclasses.replace(settings, backbone=backbone))
    assert workflow.get_node('fit').inputs.backbone == backbone
    words = {
        'direct': 'No network is trained',
        'lattice': 'lattices of trained features',
        'wire': '@fourier',
    }
    text = ' '.join(workflow.visit_desc().split())
    assert [name for name, word in words.items() if word in text] == [backbone]


def test_every_citation_is_in_the_bibliography(settings):
    from importlib.resources import files

    bibliography = files('ulfprep.data').joinpath('boilerplate.bib').read_text()
    known = set(re.findall(r'@\w+\{([^,]+),', bibliography))
    methods = ['fast', 'synthseg', 'network', 'embedded']
    every = itertools.product(methods, [None, 0.01], BACKBONES)
    for segmentation, target, backbone in every:
        prior = 'template' if segmentation == 'embedded' else 'none'
        chosen = dataclasses.replace(
            settings,
            segmentation=segmentation,
            target_field=target,
            tissue_prior=prior,
            backbone=backbone,
        )
        text = init_scan_wf(make_task(find_scans(chosen)[0], chosen), chosen).visit_desc()
        assert set(re.findall(r'@([\w-]+)', text)) <= known


def test_safe_names_stay_different():
    names = ['a-b', 'ab', 'a+b', 'a_b', 'a b']
    assert len({safe_name(name) for name in names}) == len(names)
    assert all(re.fullmatch(r'[A-Za-z0-9_]+', safe_name(name)) for name in names)


@pytest.mark.parametrize(
    ('n_scans', 'nprocs', 'threads', 'memory', 'expected'),
    [(5, 8, 2, 64, 4), (5, 8, 8, 64, 1), (2, 8, 1, 64, 2), (5, 8, 1, 7, 2), (3, 2, 2, 1, 1)],
)
def test_no_more_scans_than_cpus_and_memory(n_scans, nprocs, threads, memory, expected):
    settings = Settings(Path('i'), Path('o'), nprocs=nprocs, omp_nthreads=threads)
    assert scans_at_a_time([3.0] * n_scans, settings, memory) == expected


def test_name_that_fits_no_derivative_is_refused_at_once(settings):
    scan = Scan(Path('sub-01_foo-1_T1w.nii.gz'), {'subject': '01', 'foo': '1'},
                {'MagneticFieldStrength': 0.064})  # fmt: skip
    assert 'foo' in make_task(scan, settings).problem


def test_a_reference_is_of_the_modality_its_name_says(tmp_path):
    (tmp_path / 'x_T2w.json').write_text('{"MagneticFieldStrength": 3}')
    scan = other_scan(tmp_path / 'x_T2w.nii.gz', 'T1w')
    assert (scan.suffix, scan.metadata) == ('T2w', {'MagneticFieldStrength': 3})
    assert other_scan(tmp_path / 'other.nii', 'FLAIR').suffix == 'FLAIR'
