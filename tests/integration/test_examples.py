"""The example dataset, from the command line to the derivatives."""

import hashlib
import json
import shutil

import nibabel as nib
import nibabel.processing
import numpy as np
import pandas as pd
import pytest
from browser import NARROW, WIDE, browser, needs_browser, opened
from printed import check_numbers
from runs import EXAMPLES, run_ulfprep, validate
from same import lasting

from ulfprep.evaluation.__main__ import score_examples

SCAN = [
    'desc-brain_mask.json', 'desc-brain_mask.nii.gz',
    'desc-preproc_T1w.json', 'desc-preproc_T1w.nii.gz',
    'desc-qc_T1w.json',
    'desc-residual_T1w.json', 'desc-residual_T1w.nii.gz',
    'dseg.json', 'dseg.nii.gz',
    *(f'label-{t}_probseg.{e}' for t in ('CSF', 'GM', 'WM') for e in ('json', 'nii.gz')),
    'res-1mm_desc-claim_T1w.json', 'res-1mm_desc-claim_T1w.nii.gz',
    'res-1mm_desc-enhanced_T1w.json', 'res-1mm_desc-enhanced_T1w.nii.gz',
    'res-1mm_desc-entropy_T1w.json', 'res-1mm_desc-entropy_T1w.nii.gz',
    'res-1mm_desc-uncertainty_T1w.json', 'res-1mm_desc-uncertainty_T1w.nii.gz',
    'res-1mm_dseg.json', 'res-1mm_dseg.nii.gz',
    *(f'res-1mm_label-{t}_probseg.{e}' for t in ('CSF', 'GM', 'WM') for e in ('json', 'nii.gz')),
]  # fmt: skip
FIGURES = [
    'bias', 'claim', 'contrast', 'disagreement', 'enhancement', 'entropy', 'histogram', 'loss',
    'prediction', 'residual', 'segmentation', 'thumbnail', 'tissuechange', 'tissues',
    'uncertainty',
]  # fmt: skip


def listing(root):
    """Every file below ``root`` but logs, as sorted POSIX paths."""
    found = (p.relative_to(root).as_posix() for p in root.rglob('*') if p.is_file())
    return sorted(p for p in found if not p.startswith('logs/'))


def digests(root):
    return {p: hashlib.sha256(lasting(root / p)).hexdigest() for p in listing(root)}


def test_the_examples_are_a_valid_small_dataset():
    size = sum(p.stat().st_size for p in EXAMPLES.rglob('*') if p.is_file())
    assert size < 4 * 2**20
    assert validate(EXAMPLES).returncode == 0


def test_the_documented_command_makes_the_examples_anew(tmp_path):
    from ulfprep.evaluation.examples import write_examples

    write_examples(tmp_path / 'again')
    for stem in ('sub-01', 'sub-02'):
        name = f'{stem}/anat/{stem}_T1w.nii.gz'
        old, new = (nib.load(root / name) for root in (EXAMPLES, tmp_path / 'again'))
        assert np.allclose(old.affine, new.affine)
        # Another machine's arithmetic may round a voxel the other way, no more; and one that is
        # half brain to the last digit may be in on one machine and out on the other.
        before, after = (np.asarray(image.dataobj, int) for image in (old, new))
        rim = (before == 0) != (after == 0)
        assert rim.sum() <= 2
        assert np.abs(before - after)[~rim].max() <= 2


def test_exactly_the_promised_files_are_written(example_run):
    out, _ = example_run
    expected = ['.bidsignore', 'README.md', 'dataset_description.json', 'dseg.tsv']
    for stem in ('sub-01', 'sub-02'):
        expected += [f'{stem}.html', *(f'{stem}/anat/{stem}_{name}' for name in SCAN)]
        expected += [f'{stem}/figures/{stem}_desc-{name}_T1w.svg' for name in FIGURES]
    assert listing(out) == sorted(expected)


def test_the_derivatives_pass_the_bids_validator(example_run):
    out, _ = example_run
    done = validate(out)
    assert done.returncode == 0, done.stdout[-3000:]


@needs_browser
@pytest.mark.parametrize('width', [WIDE, NARROW])
def test_the_report_is_whole_in_a_browser(example_run, tmp_path, width):
    page = example_run[0] / 'sub-02.html'
    assert page.stat().st_size < 8_000_000
    with browser() as chromium, opened(chromium, page, width) as look:
        assert look.beyond_the_edge() == []
        assert look.overlaps() == []
        blank = [name for name, deviation in look.picture_deviations().items() if deviation < 8]
        assert blank == []
        assert look.page.locator('.missing').count() == 0
        assert look.violations() == []
        look.keep(f'example-{width}', tmp_path)
        assert look.trouble == []


def test_every_number_in_the_report_equals_the_one_in_the_json(example_run):
    out, _ = example_run
    for stem in ('sub-01', 'sub-02'):
        record = json.loads((out / f'{stem}/anat/{stem}_desc-qc_T1w.json').read_text())
        html = (out / f'{stem}.html').read_text(encoding='utf-8')
        keys = set(check_numbers(html, f'{stem}_T1w', record))
        metrics = {f'metrics.{n}' for n, value in record['metrics'].items() if value is not None}
        assert metrics <= keys


def strict(path):
    """Content of a JSON file in which NaN and infinity are errors."""

    def refuse(word):
        raise AssertionError(f'{path}: {word} is no JSON')

    return json.loads(path.read_text(), parse_constant=refuse)


@pytest.mark.parametrize('direction', ['enhance', 'simulate'])
def test_every_metric_is_a_number_or_has_a_reason(direction, request):
    from ulfprep.metrics.registry import names_of
    from ulfprep.record import LEVELS

    fixture = {'enhance': 'example_run', 'simulate': 'simulated_run'}[direction]
    made = request.getfixturevalue(fixture)
    out = made / 'out' if direction == 'simulate' else made[0]
    files = sorted(out.rglob('*_desc-qc_*.json'))
    assert files
    for path in files:
        qc = strict(path)
        assert set(qc['metrics']) == set(names_of(direction))
        missing = {name for name, value in qc['metrics'].items() if value is None}
        assert missing == set(qc['null_reasons'])
        assert all(qc['null_reasons'].values())
        assert qc['verdict']['level'] in LEVELS
        assert bool(qc['verdict']['reasons']) == (qc['verdict']['level'] != 'usable')


def test_images_are_finite_and_on_the_promised_grids(example_run):
    out, _ = example_run
    scan = nib.as_closest_canonical(nib.load(EXAMPLES / 'sub-02/anat/sub-02_T1w.nii.gz'))
    folder = out / 'sub-02/anat'
    fine = nib.load(folder / 'sub-02_res-1mm_desc-enhanced_T1w.nii.gz')
    residual = nib.load(folder / 'sub-02_desc-residual_T1w.nii.gz')
    assert np.allclose(fine.header.get_zooms(), 1)
    assert residual.shape == scan.shape
    assert np.allclose(residual.affine, scan.affine, atol=1e-4)
    # The tilt of the slices is kept: the output lies where the scan lies.
    assert np.allclose(nib.affines.obliquity(fine.affine), nib.affines.obliquity(scan.affine))
    for path in folder.glob('*.nii.gz'):
        assert np.isfinite(nib.load(path).get_fdata()).all(), path.name
    probs = [
        nib.load(folder / f'sub-02_res-1mm_label-{t}_probseg.nii.gz').get_fdata()
        for t in ('CSF', 'GM', 'WM')
    ]
    dseg = np.asarray(nib.load(folder / 'sub-02_res-1mm_dseg.nii.gz').dataobj)
    total = np.sum(probs, axis=0)
    assert np.allclose(total[dseg > 0], 1, atol=1e-3)
    assert np.all(total[dseg == 0] == 0)
    agree = np.array([3, 1, 2])[np.argmax(probs, axis=0)] == dseg
    assert agree[dseg > 0].mean() > 0.999


def test_enhanced_beats_interpolation_against_the_template(example_run):
    out, _ = example_run
    rows = score_examples(out, EXAMPLES)
    for plain, enhanced in zip(rows[::2], rows[1::2], strict=True):
        assert enhanced['contrast'] > 1.3 * plain['contrast']
        # The template has a contrast of its own, not that of the target: intensities and the
        # exact voxel of an edge may part from it, structure may not.
        assert enhanced['psnr'] > plain['psnr'] - 0.5
        assert enhanced['ssim'] > plain['ssim'] + 0.05
        assert enhanced['edge_f1_1voxel'] > plain['edge_f1_1voxel']
        assert 0.8 < enhanced['residual_rms'] < 1.2
        assert enhanced['dice_gm'] > 0.75
        assert enhanced['dice_wm'] > 0.75


def test_the_report_is_one_file_that_reads_offline(example_run):
    out, _ = example_run
    text = (out / 'sub-01.html').read_text()
    assert len(text) < 8 * 2**20
    sections = ('Enhanced against the scan', 'Where not to believe it', 'Metrics', 'Methods')
    for section in ('Summary', *sections, 'Errors'):
        assert section in text, section
    assert '<script src' not in text
    assert 'src="http' not in text
    assert 'missing' not in text.split('<h2')[1].lower()


def test_a_finished_scan_is_not_run_again(example_run, tmp_path):
    out, _ = example_run
    before = digests(out)
    done = run_ulfprep(EXAMPLES, out, 'participant', '-w', tmp_path / 'w', '--omp-nthreads', 2)
    assert done.returncode == 0
    assert 'fit' not in done.stderr.replace('finished', '')
    assert digests(out) == before


def test_group_level_needs_the_derivatives_only(example_run, tmp_path):
    out, _ = example_run
    copy = tmp_path / 'out'
    shutil.copytree(out, copy)
    (tmp_path / 'empty').mkdir()
    done = run_ulfprep(tmp_path / 'empty', copy, 'group')
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(copy / 'group_T1w.tsv', sep='\t')
    assert 'sub-02_T1w' in (copy / 'group.html').read_text()
    assert len(table) == 2
    dictionary = json.loads((copy / 'group_T1w.json').read_text())
    assert set(table.columns) <= set(dictionary)
    quality = json.loads((copy / 'sub-01/anat/sub-01_desc-qc_T1w.json').read_text())
    row = table.iloc[0]
    assert row['residual_rms'] == pytest.approx(quality['metrics']['residual_rms'], rel=1e-6)
    assert validate(copy).returncode == 0


@pytest.fixture(scope='module')
def simulated_run(tmp_path_factory):
    """Two realisations of the template as a high-field scan: derivatives and raw dataset."""
    from ulfprep.evaluation.examples import example_truth

    base = tmp_path_factory.mktemp('simulated')
    truth = example_truth('01')
    anat = base / 'raw' / 'sub-hf' / 'anat'
    anat.mkdir(parents=True)
    shutil.copy(EXAMPLES / 'dataset_description.json', base / 'raw')
    (base / 'raw' / 'README').write_text('The template, as a high-field scan.\n')
    nib.save(nib.Nifti1Image(1000 * truth.image, truth.grid.affine), anat / 'sub-hf_T1w.nii.gz')
    sidecar = {'MagneticFieldStrength': 1.5, 'SkullStripped': True}
    (anat / 'sub-hf_T1w.json').write_text(json.dumps(sidecar))
    done = run_ulfprep(base / 'raw', base / 'out', 'participant', '-w', base / 'w',
                       '--omp-nthreads', 2, '--n-realisations', 2, '--sloppy',
                       '--segmentation', 'embedded',
                       '--simulate-as-bids', base / 'ulf')  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return base


def test_a_high_field_scan_is_simulated_at_low_field(simulated_run):
    out = simulated_run / 'out'
    assert validate(out).returncode == 0
    simulated = nib.load(out / 'sub-hf/anat/sub-hf_res-ulf_desc-simulated1_T1w.nii.gz')
    assert np.allclose(simulated.header.get_zooms(), (1.6, 1.6, 5.0), atol=1e-3)
    data = simulated.get_fdata()
    # Noise has no preferred sign but a magnitude has: the background is Rayleigh, not zero.
    corner = data[:8, :8]
    assert corner.mean() / corner.std() == pytest.approx(1.913, abs=0.2)
    quality = json.loads((out / 'sub-hf/anat/sub-hf_desc-qc_T1w.json').read_text())
    vector = dict(zip(('CSF', 'GM', 'WM'), quality['contrast']['contrast_vector'], strict=True))
    assert vector['WM'] == pytest.approx(1, abs=0.02)
    assert (out / 'sub-hf.html').stat().st_size > 50_000


def test_simulated_scans_are_a_raw_dataset_that_ulfprep_itself_could_enhance(simulated_run):
    from ulfprep.bids.read.dataset import find_scans
    from ulfprep.bids.read.decision import make_task
    from ulfprep.physics.sequences import PRESETS
    from ulfprep.physics.source_sequence import sequence_from_metadata
    from ulfprep.settings import Settings

    ulf = simulated_run / 'ulf'
    done = validate(ulf)
    assert done.returncode == 0, done.stdout[-3000:]
    scans = find_scans(Settings(ulf, simulated_run / 'none'))
    assert [scan.name for scan in scans] == ['sub-hf_rec-sim1_T1w', 'sub-hf_rec-sim2_T1w']
    for scan in scans:
        task = make_task(scan, Settings(ulf, simulated_run / 'none'))
        assert (task.direction, task.source_field) == ('enhance', 0.064)
        sequence, assumed = sequence_from_metadata(scan.metadata, 0.064, 'T1w')
        assert sequence == PRESETS['ULF-T1w']
        assert assumed == []
        assert scan.metadata['SkullStripped'] is True
        assert scan.metadata['AcquisitionVoxelSize'] == [1.6, 1.6, 5.0]
    # The same brain with other noise, as strong as the sidecar says.
    one, two = (nib.load(scan.path).get_fdata() for scan in scans)
    bright = (one + two) / 2 > 500
    noise = (one - two)[bright].std() / np.sqrt(2)
    assert noise == pytest.approx(scans[0].metadata['Simulation']['NoiseSD'], rel=0.05)
