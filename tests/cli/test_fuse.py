"""Scans that are fused, from the command line to the report."""

import dataclasses
import json
import shutil

import nibabel as nib
import numpy as np
import pytest
from runs import notes, quality
from same import derivatives

from ulfprep.bids.read.dataset import find_scans
from ulfprep.bids.read.decision import group_scans, make_task
from ulfprep.bids.write.derivatives import golden_list
from ulfprep.cli.parser import parse_args

pytestmark = pytest.mark.usefixtures('in_process')
RUNS = [f'sub-01_ses-A_run-{number}' for number in (1, 2, 3)]
OF_DATASET = {'dataset_description.json', 'README.md', '.bidsignore', 'dseg.tsv'}


def planned(root, out, fuse, *args):
    settings = parse_args([str(root), str(out), 'participant', *args])
    tasks = [make_task(scan, settings) for scan in find_scans(settings)]
    return tasks, group_scans(tasks, fuse)[0]


def expect_files(out, page, *scans):
    """Expect what is promised of some scans, their report, and nothing else."""
    promised = {path.as_posix() for scan in scans for path in golden_list(scan, 'enhance')}
    assert set(derivatives(out)) == OF_DATASET | {page} | promised


def refuse(monkeypatch, number):
    """Let the registration of one scan fail, by its place among the calls; count the calls."""
    from ulfprep.physics import registration

    calls, true = [], registration.register_rigid

    def register(*args, same_contrast):
        calls.append(same_contrast)
        found = true(*args, same_contrast=same_contrast)
        if len(calls) != number:
            return found
        reason = 'a motion of 50 degrees and 0 mm is not believed'
        return dataclasses.replace(found, ok=False, reason=reason, rotation_deg=50.0)

    monkeypatch.setattr('ulfprep.physics.registration.register_rigid', register)
    return calls


def test_runs_become_one_image_and_are_not_run_again(make_dataset, run, tmp_path, capsys):
    root, out = make_dataset(*RUNS[:2]), tmp_path / 'out'
    assert run(root, '--fuse', 'runs') == 0
    _, (fusion,) = planned(root, out, 'runs')
    expect_files(out, 'sub-01_ses-A.html', *fusion.results())
    anat = out / 'sub-01/ses-A/anat'
    sidecar = json.loads((anat / 'sub-01_ses-A_res-1mm_desc-enhanced_T1w.json').read_text())
    sources = [f'bids:raw:sub-01/ses-A/anat/{stem}_T1w.nii.gz' for stem in RUNS[:2]]
    assert sidecar['Sources'] == sources
    assert sidecar['Fusion']['Reference'] == sources[0]
    assert np.allclose(sidecar['Fusion']['TransformsToReference'][sources[1]], np.eye(4), atol=0.1)
    assert RUNS[0] in sidecar['Resolution']
    own = json.loads((anat / f'{RUNS[1]}_desc-preproc_T1w.json').read_text())
    assert own['Sources'] == sources[1:]
    assert 'Fusion' not in own
    qc = quality(out, 'sub-01_ses-A')
    assert qc['fusion']['role'] == 'fused'
    assert '2 scans of the session (2 T1-weighted)' in qc['methods']
    assert qc['methods'].count('bias field was corrected') == 1
    report = (out / 'sub-01_ses-A.html').read_text()
    assert 'Missing' not in report
    assert 'Fusion' in report

    def times():
        return {path: path.stat().st_mtime_ns for path in anat.rglob('*')}

    before = times()
    capsys.readouterr()
    assert run(root, '--fuse', 'runs') == 0
    assert capsys.readouterr().err.count('not run again') == 2
    assert times() == before
    # One scan that is changed is work for the whole group, and nothing is left of a run alone.
    (anat / f'{RUNS[0]}_res-1mm_dseg.nii.gz').write_bytes(b'of an earlier run')
    sidecar = (root / sources[1].removeprefix('bids:raw:')).with_suffix('').with_suffix('.json')
    sidecar.write_text('{"MagneticFieldStrength": 0.065}')
    assert run(root, '--fuse', 'runs') == 0
    assert quality(out, 'sub-01_ses-A')['input_digest'] != qc['input_digest']
    expect_files(out, 'sub-01_ses-A.html', *fusion.results())


def test_every_fused_image_has_the_output_resolution(make_dataset, run, tmp_path):
    make_dataset(*RUNS[:2])
    root, out = make_dataset('sub-01_ses-A', suffix='T2w'), tmp_path / 'out'
    asked = ('--modalities', 'T1w', 'T2w', '--output-resolution', '2')
    assert run(root, '--fuse', 'all', *asked) == 0
    _, (fusion,) = planned(root, out, 'all', *asked)
    expect_files(out, 'sub-01_ses-A.html', *fusion.results())
    for contrast in ('T1w', 'T2w'):
        stem = out / f'sub-01/ses-A/anat/sub-01_ses-A_res-2mm_desc-enhanced_{contrast}'
        image = nib.load(f'{stem}.nii.gz')
        np.testing.assert_allclose(image.header.get_zooms(), 2)
        sidecar = json.loads(stem.with_suffix('.json').read_text())
        assert sidecar['Resolution'].startswith('2 mm isotropic')
        assert fusion.members[0].name in sidecar['Resolution']
    assert any('--output-resolution' in note for note in notes(quality(out, 'sub-01_ses-A')))


def test_contrasts_share_a_field_and_keep_their_names(make_dataset, run, tmp_path):
    make_dataset('sub-01')
    make_dataset('sub-01', suffix='T2w')
    root, out = make_dataset('sub-01_run-2'), tmp_path / 'out'
    modalities = ('--modalities', 'T1w', 'T2w')
    assert run(root, '--fuse', 'contrasts', *modalities) == 0
    scans, (fusion,) = planned(root, out, 'contrasts', *modalities)
    expect_files(out, 'sub-01.html', *scans)
    sidecar = json.loads((out / 'sub-01/anat/sub-01_res-1mm_desc-enhanced_T2w.json').read_text())
    assert sidecar['Fusion']['Reference'].endswith('sub-01_T1w.nii.gz')
    assert len(sidecar['Sources']) == 2
    alone = quality(out, 'sub-01_run-2')
    assert alone['fusion'] is None
    assert any('--fuse contrasts takes one scan of each' in note for note in notes(alone))


def test_a_damaged_scan_fails_alone(make_dataset, run, tmp_path, capsys):
    root, out = make_dataset(*RUNS), tmp_path / 'out'
    scan = root / f'sub-01/ses-A/anat/{RUNS[0]}_T1w.nii.gz'
    scan.write_bytes(scan.read_bytes()[:1000])
    assert run(root, '--fuse', 'runs') == 1
    assert f'{RUNS[0]}_T1w is left out of the fusion' in capsys.readouterr().err
    qc = quality(out, 'sub-01_ses-A')
    assert [one['name'] for one in qc['fusion']['left_out']] == [f'{RUNS[0]}_T1w']
    assert qc['fusion']['reference'] == f'{RUNS[1]}_T1w'
    assert 'Left out:' in (out / 'sub-01_ses-A.html').read_text()
    assert run(root, '--fuse', 'runs') == 1
    said = capsys.readouterr().err
    assert said.count('not run again') == 2
    assert 'processing' not in said
    assert 'damaged or cut short' in said


def test_a_scan_that_cannot_be_registered_stands_alone(make_dataset, run, tmp_path, monkeypatch):
    root, out = make_dataset(*RUNS), tmp_path / 'out'
    calls = refuse(monkeypatch, 2)
    assert run(root, '--fuse', 'runs') == 0
    assert len(calls) == 2
    scans, (fusion,) = planned(root, out, 'runs')
    less = fusion.without({f'{RUNS[2]}_T1w': 'moved'})
    expect_files(out, 'sub-01_ses-A.html', *less.results(), scans[2])
    alone = quality(out, RUNS[2])
    assert alone['fusion']['role'] == 'alone'
    assert any('50 degrees' in n['text'] and n['level'] == 'warning' for n in alone['notes'])
    assert 'stands alone' in (out / 'sub-01_ses-A.html').read_text()
    # It is not tried again, even where the work folder is gone.
    shutil.rmtree(tmp_path / 'wörk dir')
    assert run(root, '--fuse', 'runs') == 0
    assert len(calls) == 2


def test_where_none_can_be_registered_each_stands_alone(make_dataset, run, tmp_path, monkeypatch):
    root, out = make_dataset(*RUNS[:2]), tmp_path / 'out'
    refuse(monkeypatch, 1)
    assert run(root, '--fuse', 'runs') == 0
    scans, _ = planned(root, out, 'none')
    expect_files(out, 'sub-01_ses-A.html', *scans)
    assert any('no other scan' in note for note in notes(quality(out, RUNS[0])))


def test_a_failed_fit_is_the_failure_of_all(make_dataset, run, tmp_path, monkeypatch, capsys):
    from ulfprep import inr

    whole = inr.fit_scans

    def fit_scans(scans, *args, **more):
        if len(scans) > 1:
            raise ValueError('the fit diverged')
        return whole(scans, *args, **more)

    monkeypatch.setattr(inr, 'fit_scans', fit_scans)
    root = make_dataset(*RUNS[:2], 'sub-02')
    assert run(root, '--fuse', 'runs') == 1
    said = capsys.readouterr().err
    assert said.count('the fit diverged [step fit]') == 2
    assert (tmp_path / 'out/sub-02/anat/sub-02_res-1mm_dseg.nii.gz').is_file()


def test_high_field_scans_are_not_fused(make_dataset, run, tmp_path, capsys):
    root = make_dataset(*RUNS[:2], metadata={'MagneticFieldStrength': 3})
    assert run(root, '--fuse', 'runs') == 0
    assert 'nothing to fuse' in capsys.readouterr().err
    simulated = f'sub-01/ses-A/anat/{RUNS[0]}_res-ulf_desc-simulated_T1w.nii.gz'
    assert (tmp_path / 'out' / simulated).is_file()
