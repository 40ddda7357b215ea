"""Bad scans of several kinds in one dataset: each is told plainly, and costs the others nothing.

What else can be wrong with an image is tested where it is read (tests/bids/read).
"""

import gzip

import nibabel as nib
import numpy as np
import pytest
from runs import quality
from same import contents

pytestmark = pytest.mark.usefixtures('in_process')


def volume(data, affine) -> bytes:
    return gzip.compress(nib.Nifti1Image(data.astype(np.float32), affine).to_bytes(), 1)


def test_every_kind_of_bad_scan_beside_a_good_one(make_dataset, run, tmp_path, capsys, phantom):
    data, affine = phantom.get_fdata(), phantom.affine
    whole, nan = volume(data, affine), data.copy()
    nan[: len(nan) // 3] = np.nan
    images = {
        'zerobyte': (b'', 'the file is empty (0 bytes); copy it again'),
        'truncated': (whole[: len(whole) // 2], 'damaged or cut short'),
        'text': (b'T1w of subject 12, to be uploaded', 'not a readable NIfTI file'),
        'nan': (volume(nan, affine), 'NaN or infinite'),
        'constant': (volume(0 * data + 7, affine), 'the image is constant (7 everywhere)'),
        'metres': (volume(data, np.diag([1e-3, 1e-3, 1e-3, 1]) @ affine), 'look like metres'),
    }
    sidecars = {
        'nofield': ('{}', 'no MagneticFieldStrength'),
        'sidecar': ('{"EchoTime": ', 'sub-sidecar_T1w.json: not readable as JSON'),
        'millitesla': ('{"MagneticFieldStrength": 64}', '0.064 is 64 mT'),
    }
    wanted = {label: words for label, (_, words) in (images | sidecars).items()}
    wanted['link'] = 'datalad get'
    root = make_dataset('sub-good', *(f'sub-{label}' for label in wanted), name='raw dätä (1)')
    for label, (content, _) in images.items():
        (root / f'sub-{label}/anat/sub-{label}_T1w.nii.gz').write_bytes(content)
    for label, (text, _) in sidecars.items():
        (root / f'sub-{label}/anat/sub-{label}_T1w.json').write_text(text)
    link = root / 'sub-link/anat/sub-link_T1w.nii.gz'
    link.unlink()
    link.symlink_to('../../.git/annex/objects/xX/MD5E-s1.nii.gz')
    for path in [*root.rglob('*'), root]:
        if not path.is_symlink():
            path.chmod(0o555 if path.is_dir() else 0o444)
    before = contents(root)

    assert run(root, out='oút put') == 1

    assert contents(root) == before
    out = tmp_path / 'oút put'
    assert (out / 'sub-good/anat/sub-good_desc-qc_T1w.json').exists()
    said = capsys.readouterr().err
    checked, _, rest = said.partition(f'{len(wanted)} of {len(wanted) + 1} scan(s) cannot be used')
    assert 'processing 1 scan(s)' in rest
    assert 'Traceback' not in said
    verdicts = rest[rest.index('scans after') :].splitlines()
    for label, words in wanted.items():
        name = f'sub-{label}_T1w'
        (line,) = [line for line in checked.splitlines() if words in line]
        assert f'{name}.nii.gz: ' in line or f'{name}.json: ' in line
        (verdict,) = [line for line in verdicts if line.split()[:2] == [name, 'failed']]
        assert words in verdict
        assert words in (out / f'sub-{label}.html').read_text()
        assert not (out / f'sub-{label}/anat').exists()
    assert not list(out.glob('logs/*/crash-*'))


def test_odd_scans_are_run_and_what_is_odd_is_told(make_dataset, run, tmp_path, capsys, phantom):
    data, affine = phantom.get_fdata(dtype=np.float32), phantom.affine
    forms = nib.Nifti1Image(data, affine)
    forms.set_sform(affine, 1)
    forms.set_qform(np.diag([-1, 1, 1, 1]) @ affine, 1)
    odd = {
        'single': (volume(data[..., None], affine), '4-D with a single volume'),
        'forms': (gzip.compress(forms.to_bytes(), 1), 'sform and qform contradict'),
        'plain': (phantom.to_bytes(), 'unlike its name'),
    }
    root = make_dataset(*(f'sub-{label}' for label in odd))
    for label, (content, _) in odd.items():
        (root / f'sub-{label}/anat/sub-{label}_T1w.nii.gz').write_bytes(content)
    assert run(root) == 0
    said = capsys.readouterr().err
    checked = said[: said.index('processing')].splitlines()
    for label, (_, words) in odd.items():
        notes = quality(tmp_path / 'out', f'sub-{label}')['notes']
        (note,) = [note for note in notes if words in note['text']]
        lines = [line for line in checked if f'sub-{label}_T1w.nii.gz: ' in line]
        # Warnings are told at once; mere notes are in the report.
        assert [words in line for line in lines] == [True] * (note['level'] == 'warning')
    # Finished scans are not looked at again.
    assert run(root) == 0
    again = capsys.readouterr().err
    assert 'contradict' not in again
    assert again.count('not run again') == len(odd)


def test_a_mended_scan_is_run(make_dataset, run, capsys):
    root = make_dataset('sub-01', 'sub-02')
    scan = root / 'sub-02/anat/sub-02_T1w.nii.gz'
    whole = scan.read_bytes()
    scan.write_bytes(whole[:1000])
    assert run(root) == 1
    scan.write_bytes(whole)
    capsys.readouterr()
    assert run(root) == 0
    said = capsys.readouterr().err
    assert 'sub-01_T1w: finished before' in said
    assert 'processing 1 scan(s)' in said
