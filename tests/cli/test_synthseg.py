"""Runs with --segmentation synthseg, with a stand-in for FreeSurfer."""

import re

import nibabel as nib
import numpy as np
import pytest
from derived import affine_of, tissue_labels
from runs import quality
from synthseg import put_synthseg

from ulfprep.bids.store.records import read_failures
from ulfprep.cli.exit_codes import Exit

pytestmark = pytest.mark.usefixtures('in_process')
SHAPE, ZOOMS = (48, 51, 48), (2.4, 2.4, 2.4)


@pytest.fixture
def run(run):
    """Return a function that runs the command with the synthseg for the tissues."""
    return lambda root, *args: run(root, '--segmentation', 'synthseg', *args)


@pytest.fixture(autouse=True)
def with_synthseg(tmp_path, monkeypatch):
    put_synthseg(tmp_path / 'free surfer', monkeypatch)


def phantom(factor=1.0):
    noise = np.random.default_rng(0).normal(0, 2, (2, *SHAPE))
    clean = np.choose(tissue_labels(SHAPE), (0.0, 30.0, 90.0, 120.0))
    image = np.hypot(clean + noise[0], noise[1]) * factor
    return nib.Nifti1Image(image.astype(np.float32), affine_of(SHAPE, ZOOMS))


def test_its_tissues_are_what_ends_in_the_outputs(make_dataset, run, tmp_path):
    root = make_dataset('sub-01', image=phantom())
    assert run(root) == Exit.OK
    anat = tmp_path / 'out/sub-01/anat'
    dseg = np.asanyarray(nib.load(anat / 'sub-01_dseg.nii.gz').dataobj)
    truth = tissue_labels(SHAPE)
    for number, label in ((2, 1), (3, 2)):
        both = ((dseg == label) & (truth == number)).sum()
        assert 2 * both / ((dseg == label).sum() + (truth == number).sum()) > 0.85
    qc = quality(tmp_path / 'out')
    assert qc['segmentation']['method'] == 'SynthSeg'
    assert 'SynthSeg [@synthseg]' in qc['methods']
    assert '10.1016/j.media.2023.102789' in (tmp_path / 'out/sub-01.html').read_text()
    (settings,) = (tmp_path / 'out/logs').glob('*/settings.toml')
    assert 'segmentation = "synthseg"' in settings.read_text()


def test_a_scan_that_it_cannot_segment_fails_alone(make_dataset, run, tmp_path, capfd):
    make_dataset('sub-01', image=phantom())
    assert run(make_dataset('sub-02', image=phantom(0.15))) == 1
    (record,) = read_failures(tmp_path / 'out')
    assert record['scan'] == 'sub-02_T1w'
    assert record['node'].endswith('.synthseg')
    said = 'mri_synthseg ended with exit status 1, and said: ValueError: nothing to see'
    assert said in record['message']
    assert str(tmp_path) not in record['message']
    table = capfd.readouterr().err.partition('scans after')[2]
    assert re.search(rf'sub-02_T1w +failed .*{said}.*\[step synthseg\]', table)
    assert 'sub-01.html' in table


def test_dry_run_and_jobs_of_a_cluster(make_dataset, run, tmp_path, capsys):
    root = make_dataset('sub-01', image=phantom())
    assert run(root, '--dry-run') == Exit.OK
    assert 'sub-01_T1w\tenhance\trun' in capsys.readouterr().out
    assert run(root, '--write-sbatch', tmp_path / 'jobs') == Exit.OK
    assert 'segmentation = "synthseg"' in (tmp_path / 'jobs/settings.toml').read_text()
    script = (tmp_path / 'jobs/participant.sbatch').read_text()
    assert int(re.search(r'--mem=(\d+)M', script)[1]) > 8 * 1024
    prior = ('--tissue-prior', 'template')
    assert run(root, '--write-sbatch', tmp_path / 'jobs', *prior) == Exit.USAGE
