"""The sensitivity study, on a brain of a few ten thousand voxels."""

import csv
import json

import numpy as np
import pytest

from ulfprep.evaluation.__main__ import main
from ulfprep.evaluation.enhancers import Effort
from ulfprep.evaluation.failures import NotInstalled
from ulfprep.evaluation.sensitivity.command import COLUMNS, VARIANCE
from ulfprep.evaluation.sensitivity.run import fit_and_score, run_settings, spread
from ulfprep.evaluation.sensitivity.studies import (
    SPREAD,
    STUDIES,
    Setting,
    make_trial,
    settings,
    tissue_source,
)
from ulfprep.evaluation.trials import REGIMES

SLOPPY = Effort(sloppy=True, epochs=1)


def read(path):
    with open(path, newline='') as file:
        return list(csv.DictReader(file, delimiter='\t'))


def test_every_study_changes_one_thing_and_holds_the_ordinary_fit():
    chosen = list(settings(STUDIES, quick=False))
    for study in STUDIES:
        mine = [s for s in chosen if s.study == study]
        assert len(mine) == len(STUDIES[study][1]) == len({s.level for s in mine})
        assert sum(s.usual for s in mine) == 1, study
    assert len(list(settings(STUDIES, quick=True))) == 3 * len(STUDIES)
    plain = Setting('', '', REGIMES['real'])
    names = ('regime', 'scan_seed', 'fit_seed', 'contrast', 'psf', 'tissues')
    for setting in chosen:
        changed = [n for n in names if getattr(setting, n) != getattr(plain, n)]
        assert len(changed) == (0 if setting.usual else 1)


def test_settings_of_one_study_see_the_scans_they_should(brain):
    by_study = {s: list(settings([s], quick=True)) for s in ('noise', 'seed', 'scan')}
    one, other, _ = (make_trial(brain, s).case.scan for s in by_study['seed'])
    np.testing.assert_array_equal(one, other)
    one, other, _ = (make_trial(brain, s).case.scan for s in by_study['scan'])
    assert not np.array_equal(one, other)
    assert [make_trial(brain, s).case.snr for s in by_study['noise']] == [8, 14, 20]


def test_tissues_come_from_where_a_setting_says(trial):
    assert tissue_source('embedded') == {}
    assert tissue_source('true') == {'oracle': True}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('PATH', '/nowhere')
        with pytest.raises(NotInstalled):
            tissue_source('fast')['segmentation'](trial.case.scan, trial.case.mask, None)


def test_an_ordinary_fit_is_made_once_for_all_studies(brain):
    chosen = [s for s in settings(['target', 'psf', 'seed'], quick=True) if s.usual]
    said = []
    results = list(run_settings(brain, chosen, SLOPPY, say=said.append))
    assert len(said) == 1
    assert [r.setting.study for r in results] == ['target', 'psf', 'seed']
    assert all(r.image is results[0].image for r in results)


def test_a_wrong_psf_on_purpose_moves_the_image_and_more_contrast_is_more(brain):
    usual = Setting('', '', REGIMES['real'])
    scores, image, shares = fit_and_score(brain, usual, SLOPPY)
    assert {'edge_f1', 'bicubic_edge_f1', 'residual_rms'} <= set(scores)
    assert shares.shape == (3, *image.shape)
    wide, wider, _ = fit_and_score(brain, Setting('', '', REGIMES['real'], psf=1.3), SLOPPY)
    assert not np.allclose(image, wider)
    assert wide['residual_rms'] != pytest.approx(scores['residual_rms'], abs=1e-3)
    more, _, _ = fit_and_score(brain, Setting('', '', REGIMES['real'], contrast=1.2), SLOPPY)
    assert more['contrast'] > 1.05 * scores['contrast']


def test_means_that_move_alone_leave_no_variance_and_texture_that_moves_does():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet((0.3, 0.3, 0.3), 20000).T.reshape(3, 20, 20, 50).astype(np.float32)
    texture = rng.normal(0, 0.05, (20, 20, 50))

    def image(grey, part=1.0):
        return 1 + np.tensordot((0.2, grey, 1.0), shares, 1) + part * texture

    noisy = [image(0.7) + rng.normal(0, 0.01, texture.shape) for _ in range(3)]
    assert spread(noisy, shares)['variance'] == pytest.approx(1e-4, rel=0.05)
    pure = spread([image(grey) for grey in (0.73, 0.7, 0.67)], shares)
    assert pure['variance_less_means'] < 1e-9
    assert pure['variance'] > 1e-5
    moved = spread([image(0.7, part) for part in (0.8, 1.0, 1.2)], shares)
    assert moved['variance_less_means'] == pytest.approx(0.04 * 0.05**2, rel=0.05)


@pytest.fixture(scope='module')
def run(real_scans, tmp_path_factory):
    """Return the folder of a run of two studies."""
    out = tmp_path_factory.mktemp('sensitivity')
    command = ['sensitivity', '--data', str(real_scans), '--out', str(out), '--quick', '--sloppy']
    command += ['--epochs', '1', '--studies', 'seed', 'segmentation', '--jobs', '2']
    assert main(command) == 0
    return out


def test_tables_have_the_columns_of_their_dictionaries(run):
    for name, columns in (('sensitivity', COLUMNS), ('variance', VARIANCE)):
        rows = read(run / f'{name}.tsv')
        dictionary = json.loads((run / f'{name}.json').read_text())
        assert list(rows[0]) == list(dictionary) == list(columns)
    rows = read(run / 'sensitivity.tsv')
    assert [row['level'] for row in rows] == ['0', '1', '2', 'embedded', 'mixture', 'true']
    assert {row['status'] for row in rows} == {'ok'}
    by_level = {row['level']: float(row['own_dice_gm']) for row in rows}
    assert by_level['true'] > by_level['embedded']


def test_variances_are_of_the_studies_of_one_scan_and_maps_are_kept(run):
    found = {row['study']: float(row['variance']) for row in read(run / 'variance.tsv')}
    assert set(found) == {'seed', 'segmentation'} <= set(SPREAD)
    # No seed changes the image.
    assert 0 == found['seed'] < found['segmentation']
    with np.load(run / 'maps' / 'seed_aomic.npz') as stored:
        assert (stored['sd|0'] >= 0).all()
        assert stored['image|0'].shape == stored['sd|0'].shape


def test_the_document_says_how_it_was_made(run):
    text = (run / 'sensitivity.md').read_text()
    assert 'commit ' in text
    assert '--data DATA --out OUT' in text
    assert '| seed | 0 | 1 |' in text


def test_without_data_there_is_nothing_to_do(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(['sensitivity', '--out', str(tmp_path)])
    assert '--data' in capsys.readouterr().err
    assert main(['sensitivity', '--data', str(tmp_path), '--out', str(tmp_path / 'o')]) == 1
