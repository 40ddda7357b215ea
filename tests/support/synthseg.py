"""A stand-in for FreeSurfer's mri_synthseg, to be put on the PATH."""

import os
import sys
from pathlib import Path

#: Writes, at 1 mm and turned, what SynthSeg would of the phantoms: FreeSurfer's numbers, left and
#: right, nothing in the outer shell of CSF. Of an image whose values are all below 20 it says what
#: SynthSeg says of one that it cannot segment; of one with no value above 60 it ends well and
#: writes nothing.
FAKE = """\
#!{python}
import argparse, sys
import nibabel as nib, numpy as np
from scipy import ndimage
parser = argparse.ArgumentParser()
for flag in ('--i', '--o', '--threads'):
    parser.add_argument(flag, required=True)
parser.add_argument('--cpu', action='store_true')
known = parser.parse_args()
open('arguments.txt', 'w').write('\\n'.join(sys.argv[1:]))
print('SynthSeg 2.0\\nusing', known.threads, 'threads')
image = nib.load(known.i)
data = image.get_fdata()
if data.max() < 20:
    print('the following problem occured with image', known.i, ':')
    print('Traceback (most recent call last):\\n  File "mri_synthseg", line 345, in predict')
    print('ValueError: nothing to see\\n\\nresuming program execution\\n\\n')
    print('ERROR: some problems occured for the following inputs:\\n' + known.i)
    sys.exit(1)
if data.max() < 60:
    sys.exit(0)
low, high = np.sort([image.affine[:3, 3], (image.affine @ [*image.shape, 1])[:3]], axis=0)
shape = np.ceil(high - low).astype(int)
affine = np.diag([-1.0, 1.0, -1.0, 1.0])  # LPI
affine[:3, 3] = low + [shape[0] - 1, 0, shape[2] - 1]
index = np.linalg.inv(image.affine) @ affine
fine = ndimage.affine_transform(
    data, index[:3, :3], index[:3, 3], tuple(shape), order=1, mode='nearest')
x, y, z = (affine[a, a] * np.arange(shape[a]) + affine[a, 3] for a in range(3))
x, y, z = np.meshgrid(x, y, z, indexing='ij')
half = image.affine[:3, :3] @ (np.array(image.shape) - 1) / 2
radius = np.sqrt((x / half[0]) ** 2 + (y / half[1]) ** 2 + (z / half[2]) ** 2)
labels = np.zeros(fine.shape, np.int32)
labels[(fine > 60) & (fine <= 105)] = 3
labels[fine > 105] = 2
labels[(radius < 0.25) & (fine < 75)] = 4
labels[radius > 0.85] = 0
right = np.choose(np.clip(labels - 2, 0, 2), (41, 42, 43))
labels = np.where((labels > 0) & (x > 0), right, labels)
image.header.set_data_dtype(np.int32)
nib.save(nib.Nifti1Image(labels.astype(np.int32), affine, image.header), known.o)
print('segmentation  saved in:    ' + known.o)
"""


def put_synthseg(folder: Path, monkeypatch, script: str = FAKE) -> None:
    """Put the stand-in, or another script, first on the PATH."""
    folder.mkdir()
    command = folder / 'mri_synthseg'
    command.write_text(script.replace('{python}', sys.executable))
    command.chmod(0o755)
    monkeypatch.setenv('PATH', f'{folder}{os.pathsep}{os.environ["PATH"]}')
