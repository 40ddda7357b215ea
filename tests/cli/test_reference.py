"""--reference: enhanced scans are measured against a high-field image, and never fail by it."""

import dataclasses
import json

import numpy as np
import pytest
from runs import notes, quality
from same import contents

from ulfprep.metrics.registry import names_of

pytestmark = pytest.mark.usefixtures('in_process')
HIGH = 'raw/sub-01/ses-hf/anat/sub-01_ses-hf_T1w.nii.gz'


@pytest.fixture
def pair(make_dataset, run):
    """Return a function that runs one participant with a scan of each field."""
    make_dataset('sub-01_ses-ulf')
    root = make_dataset('sub-01_ses-hf', metadata={'MagneticFieldStrength': 3.0})
    return lambda *args: run(root, '--session-label', 'ulf', *args)


def qc_of(tmp_path):
    return quality(tmp_path / 'out', 'sub-01_ses-ulf')


def images(tmp_path):
    found = contents(tmp_path / 'out').items()
    return {name: content for name, content in found if name.endswith('.nii.gz')}


def test_auto_measures_and_changes_no_image(pair, tmp_path, capsys):
    assert pair() == 0
    before, plain = images(tmp_path), qc_of(tmp_path)
    assert {plain['null_reasons'][name] for name in names_of('compare')} == {
        'no reference was asked for (--reference)'
    }
    assert pair('--reference', 'auto') == 0
    assert images(tmp_path) == before
    qc = qc_of(tmp_path)
    assert qc['reference']['source'] == 'bids:' + HIGH.replace('raw/', 'raw:')
    assert qc['reference']['field_T'] == 3
    # The same phantom in the same place.
    assert np.allclose(qc['reference']['transform'], np.eye(4), atol=0.2)
    assert qc['reference']['rotation_deg'] < 0.2
    assert any('moved by' in note for note in notes(qc))
    assert qc['metrics']['dice_brain'] > 0.9
    assert qc['metrics']['dice_gm'] is not None
    assert set(names_of('compare')) <= set(qc['metrics'])
    assert set(qc['null_reasons']) == {n for n, v in qc['metrics'].items() if v is None}
    assert all(qc['null_reasons'].values())
    assert 'measured against a high-field image' in qc['methods']
    assert qc['settings_hash'] == plain['settings_hash']
    capsys.readouterr()
    assert pair('--reference', 'auto') == 0
    assert 'finished before with the same settings' in capsys.readouterr().err


def test_a_changed_reference_is_measured_anew(pair, tmp_path, phantom):
    pair('--reference', 'auto')
    before = qc_of(tmp_path)['input_digest']
    phantom.__class__(2 * phantom.get_fdata(), phantom.affine).to_filename(tmp_path / HIGH)
    assert pair('--reference', 'auto') == 0
    assert qc_of(tmp_path)['input_digest'] != before


def test_a_reference_that_breaks_on_the_way_costs_no_scan(pair, tmp_path, capsys):
    path = tmp_path / HIGH
    path.write_bytes(path.read_bytes()[:2000])  # its header is all right
    assert pair('--reference', 'auto') == 0
    qc = qc_of(tmp_path)
    assert qc['metrics']['contrast_wm_gm'] is not None
    assert all(qc['metrics'][name] is None for name in names_of('compare'))
    assert 'sub-01_ses-hf_T1w.nii.gz' in qc['null_reasons']['dice_gm']
    assert qc['reference'] is None
    assert any(
        note['level'] == 'warning' and note['text'].startswith('the high-field reference')
        for note in qc['notes']
    )
    capsys.readouterr()
    assert pair('--reference', 'auto') == 0
    assert 'finished before with the same settings' in capsys.readouterr().err


def test_a_reference_of_another_head_is_not_measured_against(pair, tmp_path, monkeypatch):
    from ulfprep.physics import registration

    true = registration.register_rigid

    def refused(*args, **more):
        found = true(*args, **more)
        reason = 'that motion is not believed'
        return dataclasses.replace(found, ok=False, reason=reason, rotation_deg=80.0)

    monkeypatch.setattr(registration, 'register_rigid', refused)
    assert pair('--reference', 'auto') == 0
    qc = qc_of(tmp_path)
    assert 'could not be registered' in qc['null_reasons']['highfield_psnr']
    assert qc['metrics']['highfield_psnr'] is None
    assert any('nothing was measured against it' in note for note in notes(qc))


def test_a_file_outside_the_dataset_is_called_by_its_name(pair, tmp_path, capsys):
    (tmp_path / HIGH).rename(tmp_path / 'other.nii.gz')
    assert pair('--reference', tmp_path / 'other.nii.gz', '--dry-run') == 0
    assert pair('--reference', tmp_path / 'other.nii.gz') == 0
    qc = qc_of(tmp_path)
    assert qc['reference']['source'] == 'other.nii.gz'
    assert qc['reference']['field_T'] is None


def test_scans_that_are_fused_say_that_they_are_not_measured(pair, make_dataset, tmp_path):
    make_dataset('sub-01_ses-ulf_run-2')
    assert pair('--reference', 'auto', '--fuse', 'runs') == 0
    for path in (tmp_path / 'out').rglob('*_desc-qc_T1w.json'):
        reasons = json.loads(path.read_text())['null_reasons']
        assert '--fuse' in reasons['highfield_psnr']
