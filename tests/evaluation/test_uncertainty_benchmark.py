"""The coverage of the uncertainty, measured on the small brain."""

from dataclasses import replace

import numpy as np
from scipy import ndimage
from small_brain import write_outside

from ulfprep.evaluation import prepare
from ulfprep.evaluation.__main__ import main
from ulfprep.evaluation.enhancers import Effort
from ulfprep.evaluation.phantoms import Regime, simulated_trial
from ulfprep.evaluation.publish import read_table
from ulfprep.evaluation.uncertainty import COLUMNS, run_trial
from ulfprep.physics.noise import estimate_noise


def test_noise_that_the_tissues_tell_is_believed_as_in_a_run(brain, monkeypatch):
    """Of smoothed noise second differences see little; what the tissues leave tells the rest."""
    trial = simulated_trial(brain, Regime((1.6, 1.6, 5.0), 300.0, 0.06), 1, 'real')
    rng, inside = np.random.default_rng(0), trial.mask
    noise = ndimage.gaussian_filter(rng.normal(0, 1, trial.scan.shape), (0.8, 0.8, 0))
    noise *= 0.08 / noise[inside].std()
    scan = np.where(inside, np.maximum(trial.scan + noise, 0.01), 0).astype(np.float32)
    smooth, segment = replace(trial, scan=scan), prepare.segment_learned
    told = run_trial(smooth, Effort(sloppy=True))
    white = estimate_noise(scan, inside, trial.grid.zooms)
    monkeypatch.setattr(
        prepare, 'segment_learned', lambda *a, **more: replace(segment(*a, **more), noise=white)
    )
    untold = run_trial(smooth, Effort(sloppy=True))
    assert told['mean_sd'] > 1.1 * untold['mean_sd']


def test_images_of_another_simulator_must_lie_beside_their_labels(tmp_path, capsys):
    write_outside(tmp_path)
    assert main(['uncertainty', '--cases', str(tmp_path)]) == 1
    assert 'one_T1w.nii.gz is missing' in capsys.readouterr().err


def test_the_command_prints_one_row_a_scan(real_scans, tmp_path, capsys):
    assert main(['uncertainty', '--data', str(real_scans), '--quick', '--sloppy']) == 0
    out, err = capsys.readouterr()
    (tmp_path / 'printed.tsv').write_text(out)
    rows = read_table(tmp_path / 'printed.tsv')
    assert list(rows) == COLUMNS
    assert list(rows['brain']) == ['aomic']
    assert 0 < rows['within_1_sd'][0] < rows['within_1.96_sd'][0] <= 1
    assert 'colin is left out' in err
