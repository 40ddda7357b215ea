"""The sensitivity study, on a brain of a few ten thousand voxels."""

import json

import numpy as np
import pytest

from ulfprep.evaluation import sensitivity
from ulfprep.evaluation.__main__ import main
from ulfprep.evaluation.enhancers import Effort
from ulfprep.evaluation.publish import columns_of, read_table
from ulfprep.evaluation.sensitivity import (
    SPREAD,
    STUDIES,
    Setting,
    fit_and_score,
    run_brain,
    settings,
    spread,
)

SLOPPY = Effort(sloppy=True)


@pytest.fixture(autouse=True, scope='module')
def _in_this_process():
    """Fit in this process: that each fit has one of its own is tested in test_process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sensitivity, 'in_fresh_process', lambda function, *args: function(*args))
        yield


def test_every_study_changes_one_thing_and_holds_the_ordinary_fit():
    chosen = list(settings(STUDIES, quick=False))
    usual = Setting()
    for study, (_, _, levels, _) in STUDIES.items():
        mine = [setting for name, _, setting in chosen if name == study]
        assert len(mine) == len(levels) == len(set(mine))
        assert mine.count(usual) == 1, study
    assert len(list(settings(STUDIES, quick=True))) == 3 * len(STUDIES)
    for *_, setting in chosen:
        changed = [n for n, value in vars(setting).items() if value != getattr(usual, n)]
        assert len(changed) == (setting != usual)


def test_an_ordinary_fit_is_made_once_for_all_studies(brain, tmp_path):
    chosen = [s for s in settings(['target', 'psf', 'seed'], quick=True) if s[2] == Setting()]
    fits = []
    rows, variances = run_brain(brain, chosen, SLOPPY, tmp_path, done=lambda: fits.append(1))
    assert len(fits) == 1
    assert [row['study'] for row in rows] == ['target', 'psf', 'seed']
    assert variances == []


def test_a_fit_that_fails_is_a_row_that_says_why(brain, tmp_path):
    rows, _ = run_brain(brain, [('psf', '-1', Setting(psf=-1.0))], SLOPPY, tmp_path)
    assert rows[0]['status'].startswith('failed: ')


def test_a_wrong_psf_on_purpose_moves_the_image_and_more_contrast_is_more(brain):
    scores, image, shares = fit_and_score(brain, Setting(), SLOPPY)
    assert {'edge_f1', 'bicubic_edge_f1', 'residual_rms'} <= set(scores)
    assert shares.shape == (3, *image.shape)
    wide, wider, _ = fit_and_score(brain, Setting(psf=1.3), SLOPPY)
    assert not np.allclose(image, wider)
    assert wide['residual_rms'] != pytest.approx(scores['residual_rms'], abs=1e-3)
    more, _, _ = fit_and_score(brain, Setting(contrast=1.2), SLOPPY)
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
    command += ['--studies', 'seed', 'segmentation', '--jobs', '1']
    assert main(command) == 0
    return out


def test_tables_have_the_columns_of_their_dictionaries(run):
    for name in ('sensitivity', 'variance'):
        dictionary = json.loads((run / f'{name}.json').read_text())
        assert list(read_table(run / f'{name}.tsv')) == list(dictionary) == columns_of(name)
    rows = read_table(run / 'sensitivity.tsv').set_index('level')
    assert list(rows.index) == ['0', '1', '2', 'own', 'mixture', 'true']
    assert set(rows['status']) == {'ok'}
    assert rows.loc['true', 'own_dice_gm'] > rows.loc['own', 'own_dice_gm']


def test_variances_are_of_the_studies_of_one_scan_and_maps_are_kept(run):
    found = read_table(run / 'variance.tsv').set_index('study')['variance']
    assert set(found.index) == {'seed', 'segmentation'} <= set(SPREAD)
    # No seed changes the image.
    assert 0 == found['seed'] < found['segmentation']
    with np.load(run / 'maps' / 'seed_aomic.npz') as stored:
        assert (stored['sd|0'] >= 0).all()
        assert stored['image|0'].shape == stored['sd|0'].shape


def test_without_data_there_is_nothing_to_do(tmp_path, capsys):
    assert main(['sensitivity', '--out', str(tmp_path)]) == 1
    assert '--data' in capsys.readouterr().err
    assert main(['sensitivity', '--data', str(tmp_path), '--out', str(tmp_path / 'o')]) == 1
