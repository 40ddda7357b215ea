"""Bad scans of every kind in one dataset: each is told plainly, and costs the others nothing."""

import gzip

import nibabel as nib
import numpy as np
import pytest
from runs import quality
from same import contents

pytestmark = pytest.mark.usefixtures('in_process')


def _volume(phantom, data=None, affine=None, **fields) -> bytes:
    """Return the phantom as a file, changed as told."""
    data = phantom.get_fdata(dtype=np.float32) if data is None else data
    image = nib.Nifti1Image(data, phantom.affine if affine is None else affine)
    content = image.to_bytes()
    # Afterwards, for nibabel mends what it writes.
    header = nib.Nifti1Header(content[:348], check=False)
    for name, value in fields.items():
        header[name] = value
    return gzip.compress(header.binaryblock + content[348:], 1)


def bad_files(phantom) -> dict[str, tuple[bytes, str]]:
    """Return kinds of bad files, and words of the line that each deserves."""
    data = phantom.get_fdata(dtype=np.float32)
    whole = _volume(phantom)
    nan = data.copy()
    nan[: len(nan) // 3] = np.nan
    metres = np.diag([1e-3, 1e-3, 1e-3, 1]) @ phantom.affine
    return {
        'zerobyte': (b'', 'the file is empty (0 bytes); copy it again'),
        'truncated': (whole[: len(whole) // 2], 'damaged or cut short'),
        'flipped': (
            whole[:3000] + bytes([whole[3000] ^ 4]) + whole[3001:],
            'damaged or cut short',
        ),
        'text': (b'T1w of subject 12, to be uploaded', 'not a readable NIfTI file'),
        'nan': (_volume(phantom, nan), 'NaN or infinite'),
        'zero': (_volume(phantom, 0 * data), 'the image is all zero'),
        'constant': (_volume(phantom, 0 * data + 7), 'the image is constant (7 everywhere)'),
        'flat': (_volume(phantom, data[..., 0]), 'is 2-D or a single slice'),
        'slice': (_volume(phantom, data[..., :1]), 'is 2-D or a single slice'),
        'series': (_volume(phantom, np.stack([data] * 3, -1)), 'holds 3 volumes'),
        'metres': (_volume(phantom, affine=metres), 'look like metres'),
        'complex': (_volume(phantom, data.astype(np.complex64)), 'complex numbers'),
        'nowhere': (_volume(phantom, srow_x=[np.nan] * 4, sform_code=1), 'its affine holds NaN'),
        'huge': (
            _volume(phantom, dim=[3, 20000, 20000, 20000, 1, 1, 1, 1]),
            'too large for a head',
        ),
    }


def odd_files(phantom) -> dict[str, tuple[bytes, str]]:
    """Return files that are odd and usable, and words of the warning or note of each."""
    data = phantom.get_fdata(dtype=np.float32)
    forms = nib.Nifti1Image(data, phantom.affine)
    forms.set_sform(phantom.affine, 1)
    forms.set_qform(np.diag([-1, 1, 1, 1]) @ phantom.affine, 1)
    return {
        'single': (_volume(phantom, data[..., None]), '4-D with a single volume'),
        'forms': (gzip.compress(forms.to_bytes(), 1), 'sform and qform contradict'),
        'noforms': (_volume(phantom, sform_code=0, qform_code=0), 'neither sform nor qform'),
        'plain': (gzip.decompress(_volume(phantom)), 'unlike its name'),
    }


def test_every_kind_of_bad_scan_beside_a_good_one(make_dataset, run, tmp_path, capsys, phantom):
    bad = bad_files(phantom)
    labels = [*bad, 'link', 'nofield', 'sidecar', 'millitesla']
    root = make_dataset('sub-good', *(f'sub-{label}' for label in labels), name='raw dätä (1)')
    for label, (content, _) in bad.items():
        (root / f'sub-{label}/anat/sub-{label}_T1w.nii.gz').write_bytes(content)
    link = root / 'sub-link/anat/sub-link_T1w.nii.gz'
    link.unlink()
    link.symlink_to('../../.git/annex/objects/xX/MD5E-s1.nii.gz')
    wanted = {label: words for label, (_, words) in bad.items()} | {'link': 'datalad get'}
    for label, text, words in (
        ('nofield', '{}', 'no MagneticFieldStrength'),
        ('sidecar', '{"EchoTime": ', 'sub-sidecar_T1w.json: not readable as JSON'),
        ('millitesla', '{"MagneticFieldStrength": 64}', '0.064 is 64 mT'),
    ):
        (root / f'sub-{label}/anat/sub-{label}_T1w.json').write_text(text)
        wanted[label] = words
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
        (line,) = [line for line in checked.splitlines() if f'{name}.nii.gz: ' in line]
        assert words in line
        (verdict,) = [line for line in verdicts if line.split()[:2] == [name, 'failed']]
        assert words in verdict
        assert words in (out / f'sub-{label}.html').read_text()
        assert not (out / f'sub-{label}/anat').exists()
    assert not list(out.glob('logs/*/crash-*'))


def test_odd_scans_are_run_and_what_is_odd_is_told(make_dataset, run, tmp_path, capsys, phantom):
    odd = odd_files(phantom)
    root = make_dataset(*(f'sub-{label}' for label in odd))
    for label, (content, _) in odd.items():
        (root / f'sub-{label}/anat/sub-{label}_T1w.nii.gz').write_bytes(content)
    assert run(root) == 0
    said = capsys.readouterr().err
    checked = said[: said.index('processing')].splitlines()
    for label, (_, words) in odd.items():
        qc = quality(tmp_path / 'out', f'sub-{label}')
        (note,) = [note for note in qc['notes'] if words in note['text']]
        lines = [line for line in checked if f'sub-{label}_T1w.nii.gz: ' in line]
        # Warnings are told at once; mere notes are in the report.
        assert [words in line for line in lines] == [True] * (note['level'] == 'warning')
    # Finished scans are not looked at again.
    assert run(root) == 0
    again = capsys.readouterr().err
    assert 'contradict' not in again
    assert again.count('not run again') == len(odd)


def test_a_mended_scan_is_run(make_dataset, run, tmp_path, capsys):
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
