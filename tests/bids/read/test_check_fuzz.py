"""Whatever bytes and sidecars are called a scan: a clean image comes of it, or one plain line."""

import gzip
import math
import warnings
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ulfprep.bids.read.acquisition import decide_resolution
from ulfprep.bids.read.checks import check_image
from ulfprep.bids.read.decision import make_task
from ulfprep.bids.read.nifti import UnusableScanError
from ulfprep.bids.read.sidecars import TIMINGS, usable_metadata
from ulfprep.bids.task import Scan
from ulfprep.physics.resolution import ResolutionEstimate
from ulfprep.settings import Settings

SHAPE = (12, 13, 9)
PLACES = st.integers(0, 2**32)


def _image(kind=nib.Nifti1Image, dtype=np.int16, endianness='<') -> bytes:
    data = np.random.default_rng(0).integers(0, 1000, SHAPE).astype(dtype)
    affine = np.diag([12.0, 12.0, 15.0, 1.0])
    header = kind.header_class(endianness=endianness)
    image = kind(data, affine, header, dtype=dtype)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    return image.to_bytes()


IMAGES = [
    _image(),
    _image(endianness='>'),
    _image(dtype=np.float32),
    _image(dtype=np.float64, endianness='>'),
    _image(kind=nib.Nifti2Image, dtype=np.uint8),
]
ANY_IMAGE = st.sampled_from(IMAGES)
NUMBERS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, math.nan, math.inf, -math.inf, 1e38, 1e-38, 352.0]),
    st.floats(width=32),
    st.integers(-2, 4000).map(float),
)


def cases(number):
    """Return the settings of a test of so many cases, the same in every run."""
    return settings(
        max_examples=number,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )


def outcome(work, *args):
    """Return what comes of some work, or what was said where there is no use in it."""
    try:
        return work(*args), ''
    except UnusableScanError as error:
        return None, str(error)


@pytest.fixture
def look(tmp_path):
    """Return a function that checks bytes as a file, and what must hold whatever they are."""

    def look(content: bytes, name: str):
        path = tmp_path / name
        path.write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            image, said = outcome(check_image, path)
        if image is None:
            assert '\n' not in said
            assert said.startswith(f'{path}: ')
            assert len(said) < 1000
            # That is for what nobody foresaw, which is then to be foreseen.
            assert ': cannot be read (' not in said
            return None
        assert image.data.ndim == 3
        assert image.data.dtype == np.float32
        assert np.isfinite(image.data).all()
        assert image.data.min() < image.data.max()
        assert image.affine.shape == (4, 4)
        assert np.isfinite(np.linalg.inv(image.affine)).all()
        np.testing.assert_allclose(
            np.linalg.inv(image.affine) @ image.affine, np.eye(4), atol=1e-3
        )
        assert all('\n' not in note.text for note in image.notes)
        return image

    return look


def flipped(content: bytes, places: list[int], limit: int | None = None) -> bytes:
    """Return bytes with some bits the other way round."""
    changed = bytearray(content)
    for place in places:
        place %= 8 * min(len(changed), limit or len(changed))
        changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def test_what_is_fuzzed_is_sound(look):
    for content in IMAGES:
        assert look(content, 'x.nii') is not None
        assert look(gzip.compress(content), 'x.nii.gz') is not None


@cases(100)
@given(
    st.binary(max_size=800), st.sampled_from([b'', b'\x1f\x8b', b'\x1f\x8b\x08\0', b'\x5c\1\0\0'])
)
def test_random_bytes(look, content, start):
    assert look(start + content, 'x.nii.gz') is None


@cases(100)
@given(ANY_IMAGE, PLACES, st.booleans())
def test_files_cut_short(look, content, length, packed):
    content = gzip.compress(content, 1) if packed else content
    assert look(content[: length % len(content)], 'x.nii.gz' if packed else 'x.nii') is None


@cases(300)
@given(ANY_IMAGE, st.lists(PLACES, min_size=1, max_size=6))
def test_flipped_bits_in_headers(look, content, places):
    look(flipped(content, places, 544), 'x.nii')


@cases(150)
@given(ANY_IMAGE, st.lists(PLACES, min_size=1, max_size=4))
def test_flipped_bits_in_compressed_files(look, content, places):
    look(flipped(gzip.compress(content, 1), places), 'x.nii.gz')


@cases(400)
@given(data=st.data(), content=ANY_IMAGE, packed=st.booleans())
def test_headers_of_random_fields(look, data, content, packed):
    version = nib.Nifti2Header if content[:1] == b'\x1c' else nib.Nifti1Header
    order = '>' if content[0] == 0 else '<'
    size = version.sizeof_hdr
    header = version(content[:size], endianness=order, check=False)
    raw = header.structarr
    for name in data.draw(
        st.lists(
            st.sampled_from([
                'dim', 'datatype', 'bitpix', 'vox_offset', 'scl_slope', 'scl_inter', 'pixdim',
                'qform_code', 'sform_code', 'xyzt_units', 'srow_x', 'srow_y', 'srow_z',
                'quatern_b', 'quatern_c', 'qoffset_x', 'intent_code',
            ]),
            min_size=1,
            max_size=4,
            unique=True,
        )
    ):  # fmt: skip
        with np.errstate(all='ignore'):
            if raw[name].dtype.kind == 'f':
                values = data.draw(
                    st.lists(NUMBERS, min_size=raw[name].size, max_size=raw[name].size)
                )
                raw[name] = values if raw[name].ndim else values[0]
            elif raw[name].ndim:
                raw[name][data.draw(st.integers(0, 7))] = data.draw(
                    st.sampled_from([-32768, -1, 0, 1, 2, 4, 7, 8, 500, 32767])
                )
            else:
                top = np.iinfo(raw[name].dtype)
                raw[name] = data.draw(
                    st.one_of(
                        st.integers(max(top.min, -2), min(top.max, 5)),
                        st.integers(top.min, min(top.max, 2**62)),
                        st.sampled_from([1, 2, 3, 4, 8, 16, 32, 64]),
                    )
                )
    changed = header.binaryblock + content[size:]
    look(gzip.compress(changed, 1) if packed else changed, 'x.nii.gz' if packed else 'x.nii')


#: What converters, scripts and people write into sidecars.
JUNK = st.one_of(
    st.sampled_from([
        None, True, False, 'abc', '', '0.005', 'yes', [], {}, [0.005, 0.01], [[1]], {'a': 1},
        [1.6, 1.6, 5], [1.6, 1.6], [0, 0, 0], [-1, 2, 3], ['1', '2', '3'], [1e9] * 3, [True] * 3,
        [math.nan] * 3, [10**400] * 3, 0, -1, 1, 5, 64, 1500, 10**400, -(10**4000), 1e-300, 1e300,
        math.nan, math.inf, -math.inf, 'GR_IR', ['SE', 'IR'], ['SE', 3], 7, '\ud800', 'a\nb',
    ]),
    st.floats(),
    st.integers(),
    st.text(max_size=10),
    st.lists(st.floats(), max_size=4),
)  # fmt: skip
FIELDS = [
    *TIMINGS, 'MagneticFieldStrength', 'AcquisitionVoxelSize', 'SliceThickness', 'SkullStripped',
    'PulseSequenceType', 'ScanningSequence', 'NumberShots', 'EchoTrainLength', 'Simulation',
    'SliceEncodingDirection',
]  # fmt: skip


@cases(400)
@given(
    st.dictionaries(st.sampled_from(FIELDS), JUNK, min_size=1, max_size=5),
    st.sampled_from(['T1w', 'T2w', 'FLAIR']),
)
def test_sidecars_that_say_anything(tmp_path, said, suffix):
    metadata, remarks = usable_metadata({'MagneticFieldStrength': 0.064, **said})
    name = f'sub-01_{suffix}.nii.gz'
    scan = Scan(Path('raw') / name, {'subject': '01'}, metadata, 'sub-01', 'bids:raw:x', suffix)
    scan = replace(scan, remarks=remarks)
    task = make_task(scan, Settings(Path('raw'), tmp_path))
    if told := task.problem:
        assert name in told
        assert '\n' not in told
        assert len(told) < 400
        return
    assert all('\n' not in note.text and len(note.text) < 400 for note in task.notes)
    # What the image's own steps make of the same sidecar is sensible too.
    zooms = (1.6, 1.6, 5.0)
    estimate = ResolutionEstimate(zooms, (False, False, False), '')
    sizes = decide_resolution(estimate, zooms, metadata).voxel_size_mm
    assert len(sizes) == 3
    assert all(0.01 < size < 100 for size in sizes)
