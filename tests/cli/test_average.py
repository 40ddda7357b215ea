"""Averages in template spaces: enhanced images of an output folder in, mean and variance out."""

import json
import os
import shutil

import nibabel as nib
import numpy as np
import pytest
from runs import validate
from template_brain import scan_of_template

from ulfprep.bids.files import write_json, write_nifti, write_text
from ulfprep.bids.store.outcomes import find_outcomes
from ulfprep.bids.write.dataset import BIDSIGNORE
from ulfprep.cli.average import run_averages
from ulfprep.cli.main import main
from ulfprep.reports.drawing.average import average_figures
from ulfprep.segmentation.template import template_files
from ulfprep.settings import Settings

SPACE = 'MNI152NLin2009cAsym'


@pytest.fixture(scope='module')
def home(tmp_path_factory):
    """TemplateFlow's folder, with the template that ships in nilearn under one of its names."""
    home = tmp_path_factory.mktemp('templateflow')
    folder = home / f'tpl-{SPACE}'
    folder.mkdir()
    brain, *_ = template_files()
    shutil.copy(brain, folder / f'tpl-{SPACE}_res-01_desc-brain_T1w.nii.gz')
    return home


def add_enhanced(out, subject, image, labels, affine, verdict='usable', **record):
    anat = out / f'sub-{subject}' / 'anat'
    anat.mkdir(parents=True, exist_ok=True)
    write_nifti(anat / f'sub-{subject}_res-1mm_desc-enhanced_T1w.nii.gz', image, affine)
    write_nifti(anat / f'sub-{subject}_res-1mm_dseg.nii.gz', labels, affine)
    content = {
        'entities': {'subject': subject},
        'direction': 'enhance',
        'settings_hash': 'abc',
        'settings': {'output_resolution': 1.0},
        'contrast': {'target_field_T': 3.0},
        'metrics': {},
        'null_reasons': {},
        'versions': {},
        'notes': [],
        'verdict': {'level': verdict, 'reasons': []},
        **record,
    }
    write_json(anat / f'sub-{subject}_desc-qc_T1w.json', content)


@pytest.fixture(scope='module')
def averaged(tmp_path_factory, home):
    """An output folder of two brains, turned and stretched each in its way, and the averages."""
    out = tmp_path_factory.mktemp('out')
    scan = scan_of_template()
    labels = np.where(scan.mask, np.where(scan.image > 240, 2, 1), 0).astype(np.uint8)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(0.1), -np.sin(0.1)], [np.sin(0.1), np.cos(0.1)]]
    turn[:3, 3] = (20, 5, -8)
    add_enhanced(out, '01', scan.image, labels, scan.grid.affine)
    # Brighter by a factor that the white matter takes out again.
    add_enhanced(out, '02', 3 * scan.image, labels, turn @ scan.grid.affine)
    add_enhanced(out, '03', scan.image, labels, scan.grid.affine, verdict='failed')
    add_enhanced(out, '04', scan.image, 0 * labels, scan.grid.affine)
    add_enhanced(out, '05', scan.image, labels, scan.grid.affine, direction='simulate')
    before = os.environ.get('TEMPLATEFLOW_HOME')
    os.environ['TEMPLATEFLOW_HOME'] = str(home)
    try:
        settings = Settings(tmp_path_factory.mktemp('empty'), out, output_spaces=(SPACE,))
        return out, run_averages(settings, find_outcomes(out)[0])
    finally:
        os.environ.pop('TEMPLATEFLOW_HOME')
        if before is not None:
            os.environ['TEMPLATEFLOW_HOME'] = before


def volume(out, kind):
    return nib.load(out / f'group_space-{SPACE}_desc-{kind}_T1w.nii.gz')


def test_the_mean_is_the_template_that_the_brains_were_made_of(averaged):
    out, written = averaged
    assert [path.name for path in written] == [f'group_space-{SPACE}_desc-mean_T1w.nii.gz']
    mean, count = volume(out, 'mean'), np.asarray(volume(out, 'count').dataobj)
    template = nib.load(template_files()[0])
    assert mean.shape == template.shape
    np.testing.assert_allclose(mean.affine, template.affine)
    both = (count == 2) & (np.asarray(template.dataobj) > 0)
    assert both.sum() > 1.2e6
    values = np.asarray(mean.dataobj)
    # Grey matter is darker than white in both.
    assert np.corrcoef(values[both], np.asarray(template.dataobj)[both])[0, 1] > 0.6
    _, _, white = (np.asarray(nib.load(f).dataobj, float) for f in template_files())
    assert values[both & (white > 0.95 * white.max())].mean() == pytest.approx(1, abs=0.06)


def test_two_images_that_differ_in_brightness_alone_hardly_vary(averaged):
    out, _ = averaged
    count = np.asarray(volume(out, 'count').dataobj)
    variance = np.asarray(volume(out, 'variance').dataobj)
    mean = np.asarray(volume(out, 'mean').dataobj)
    spread = np.sqrt(np.median(variance[count == 2]))
    assert spread < 0.05 * np.median(mean[count == 2])
    assert not variance[count < 2].any()
    assert set(np.unique(count)) == {0, 1, 2}


def test_sidecars_say_what_was_averaged_and_how(averaged):
    out, _ = averaged
    for kind in ('mean', 'variance', 'count'):
        text = (out / f'group_space-{SPACE}_desc-{kind}_T1w.json').read_text()
        content = json.loads(text)
        assert (content['NumberOfScans'], content['NumberOfParticipants']) == (2, 2)
        assert content['Sources'] == [
            f'bids::sub-{s}/anat/sub-{s}_res-1mm_desc-enhanced_T1w.nii.gz' for s in ('01', '02')
        ]
        assert set(content['TransformsToTemplate']) == set(content['Sources'])
        left = {one['Name']: one['Reason'] for one in content['LeftOut']}
        assert set(left) == {'sub-03_T1w', 'sub-04_T1w'}
        assert 'verdict' in left['sub-03_T1w']
        assert 'white matter' in left['sub-04_T1w']
        assert 'affine' in content['Method']
        assert str(out) not in text


def test_the_same_images_give_the_same_bytes(averaged, home, monkeypatch, tmp_path):
    out, _ = averaged
    monkeypatch.setenv('TEMPLATEFLOW_HOME', str(home))
    again = tmp_path / 'again'
    shutil.copytree(out, again, ignore=shutil.ignore_patterns('group_*'))
    settings = Settings(tmp_path, again, output_spaces=(SPACE,))
    run_averages(settings, find_outcomes(again)[0])
    for path in sorted(out.glob('group_*.nii.gz')):
        assert (again / path.name).read_bytes() == path.read_bytes()


def test_a_folder_with_averages_is_valid(averaged, tmp_path):
    out, _ = averaged
    copy = tmp_path / 'copy'
    copy.mkdir()
    for path in out.glob('group_*'):
        shutil.copy(path, copy)
    description = {'Name': 'x', 'BIDSVersion': '1.10.0', 'DatasetType': 'derivative'}
    description['GeneratedBy'] = [{'Name': 'ulfprep'}]
    write_json(copy / 'dataset_description.json', description)
    write_text(copy / '.bidsignore', '\n'.join(BIDSIGNORE) + '\n')
    write_text(copy / 'README.md', 'Averages.\n' * 20)
    done = validate(copy)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_figure_shows_mean_and_deviation(averaged):
    _, written = averaged
    ((caption, svg),) = average_figures(written)
    assert 'mean of 2 enhanced images of 2 participants' in caption
    assert 'Left out: 2' in caption
    assert svg.startswith('<?xml')
    assert svg.count('<image') >= 6


def test_the_group_page_shows_the_average(averaged, home, tmp_path, monkeypatch, capsys):
    out, _ = averaged
    monkeypatch.setenv('TEMPLATEFLOW_HOME', str(home))
    copy = tmp_path / 'out'
    shutil.copytree(out / 'sub-01', copy / 'sub-01')
    (tmp_path / 'empty').mkdir()
    common = [str(tmp_path / 'empty'), str(copy), 'group']
    assert main([*common, '--output-spaces', SPACE, 'OASIS30ANTs']) == 0
    assert '--output-spaces OASIS30ANTs: skipped' in capsys.readouterr().err
    page = (copy / 'group.html').read_text()
    assert 'id="averages"' in page
    assert 'mean of 1 enhanced image of 1 participant' in page
    assert main(common) == 0
    assert 'id="averages"' not in (copy / 'group.html').read_text()


def test_a_template_that_is_not_at_hand_costs_nothing_else(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('TEMPLATEFLOW_HOME', str(tmp_path / 'nowhere'))
    settings = Settings(tmp_path, tmp_path, output_spaces=(SPACE, 'OASIS30ANTs'))
    assert run_averages(settings, []) == []
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(':')[1].strip() for line in lines] == [
        f'--output-spaces {SPACE}',
        '--output-spaces OASIS30ANTs',
    ]
    assert all('TEMPLATEFLOW_HOME' in line for line in lines)
    assert not (tmp_path / 'nowhere').exists()


def test_the_participant_level_has_no_spaces(make_dataset, tmp_path, capsys):
    root = make_dataset('sub-01')
    args = ['participant', '-w', str(tmp_path / 'work'), '--output-spaces', SPACE]
    assert main([str(root), str(tmp_path / 'out'), *args]) == 64
    assert '--output-spaces is of the group level' in capsys.readouterr().err
