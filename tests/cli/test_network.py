"""What is written where the network is the prior of the tissues, and what of it is left after."""

import json

import nibabel as nib
import pytest

from ulfprep.bids.read.dataset import find_scans
from ulfprep.bids.read.decision import make_task
from ulfprep.bids.read.fusion import group_scans
from ulfprep.bids.write.derivatives import FIELD, QC, golden_list, path_of
from ulfprep.bids.write.figures import figure_path
from ulfprep.cli.parser import parse_args
from ulfprep.interfaces.segment import learned_from

FIGURE = 'disagreement'
OF_DATASET = {'dataset_description.json', 'README.md', '.bidsignore', 'dseg.tsv', 'sub-01.html'}

pytestmark = pytest.mark.usefixtures('in_process')


def listing(out):
    found = (path.relative_to(out) for path in out.rglob('*') if path.is_file())
    return {path.as_posix() for path in found if path.parts[0] != 'logs'}


@pytest.fixture
def run(run):
    """Return a function that runs the command with the network for the tissues."""
    return lambda root, *args: run(root, '--segmentation', 'network', *args)


def scans_of(root, out):
    settings = parse_args([str(root), str(out), 'participant'])
    return [make_task(scan, settings) for scan in find_scans(settings)]


def digests(out):
    """Return the sidecars that name the weights, and those that do not, by their names."""
    told, silent = {}, set()
    for path in sorted(out.glob('sub-01/anat/*.json')):
        content = json.loads(path.read_text())
        if FIELD in content:
            told[path.name] = content[FIELD]
        elif '_desc-qc_' not in path.name:
            silent.add(path.name)
    return told, silent


@pytest.mark.parametrize(('field', 'direction'), [(0.064, 'enhance'), (3.0, 'simulate')])
def test_the_figure_and_the_digest_are_there_with_the_network_alone(
    make_dataset, run, tmp_path, capsys, field, direction
):
    root = make_dataset('sub-01', metadata={'MagneticFieldStrength': field})
    out = tmp_path / 'out'
    (scan,) = scans_of(root, out)
    assert run(root) == 0
    assert listing(out) == OF_DATASET | {
        path.as_posix() for path in golden_list(scan, direction, network=True)
    }
    assert (out / figure_path(scan.scan, FIGURE)).is_file()
    assert 'Where scan and network disagree' in (out / 'sub-01.html').read_text()
    told, silent = digests(out)
    assert silent == {'sub-01_desc-preproc_T1w.json', 'sub-01_desc-brain_mask.json'}
    assert set(told.values()) == set(learned_from().values())
    names = {'sub-01_dseg.json', 'sub-01_label-GM_probseg.json'}
    names |= {
        'enhance': {'sub-01_res-1mm_desc-enhanced_T1w.json', 'sub-01_res-1mm_dseg.json'},
        'simulate': {'sub-01_res-ulf_desc-simulated_T1w.json'},
    }[direction]
    assert names <= set(told)

    # Without its figure a scan is not finished, and with it it is not run again.
    (out / figure_path(scan.scan, FIGURE)).unlink()
    assert run(root) == 0
    assert (out / figure_path(scan.scan, FIGURE)).is_file()
    capsys.readouterr()
    before = (out / figure_path(scan.scan, FIGURE)).stat().st_mtime_ns
    assert run(root) == 0
    assert (out / figure_path(scan.scan, FIGURE)).stat().st_mtime_ns == before

    # Other tissues: nothing of the network is left, and nothing is missed.
    assert run(root, '--segmentation', 'embedded') == 0
    assert listing(out) == OF_DATASET | {p.as_posix() for p in golden_list(scan, direction)}
    assert digests(out)[0] == {}
    page = (out / 'sub-01.html').read_text()
    assert 'Where scan and network disagree' not in page
    assert 'Missing' not in page


def test_each_scan_of_a_fusion_has_the_figure_and_their_image_the_digest(
    make_dataset, run, tmp_path
):
    root, out = make_dataset('sub-01_run-1', 'sub-01_run-2'), tmp_path / 'out'
    (fusion,), _ = group_scans(scans_of(root, out), 'runs')
    assert run(root, '--fuse', 'runs') == 0
    drawn = {
        scan.name: (out / figure_path(scan.scan, FIGURE)).is_file() for scan in fusion.results()
    }
    assert drawn == {'sub-01_run-1_T1w': True, 'sub-01_run-2_T1w': True, 'sub-01_T1w': False}
    told, silent = digests(out)
    assert {'sub-01_res-1mm_desc-enhanced_T1w.json', 'sub-01_run-2_dseg.json'} <= set(told)
    assert 'sub-01_run-1_desc-residual_T1w.json' in told
    assert all('preproc' in name or 'mask' in name for name in silent)
    assert 'Missing' not in (out / 'sub-01.html').read_text()


def test_tissues_of_other_software_have_neither(make_dataset, run, tmp_path):
    root, out = make_dataset('sub-01'), tmp_path / 'out'
    (scan,) = scans_of(root, out)
    assert run(root, '--segmentation', 'embedded') == 0
    given = tmp_path / 'given'
    folder = given / 'sub-01' / 'anat'
    folder.mkdir(parents=True)
    description = {'Name': 'given', 'BIDSVersion': '1.10.0', 'DatasetType': 'derivative'}
    (given / 'dataset_description.json').write_text(json.dumps(description))
    nib.save(nib.load(out / 'sub-01/anat/sub-01_dseg.nii.gz'), folder / 'sub-01_dseg.nii.gz')
    assert run(root, '--derivatives', str(given)) == 0
    qc = json.loads((out / path_of(scan, QC)).read_text())
    assert 'network' not in qc['segmentation']['method']
    assert not (out / figure_path(scan.scan, FIGURE)).exists()
    assert digests(out)[0] == {}
    assert 'Missing' not in (out / 'sub-01.html').read_text()
