"""What sidecars say of an image, against pybids and by the rules."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ulfprep.bids.read.index import DatasetError
from ulfprep.bids.read.sidecars import (
    NUMBERS,
    TIMINGS,
    BrokenSidecarError,
    Sidecars,
    usable_metadata,
)

FOLDERS = ('', 'sub-01', 'sub-01/ses-A', 'sub-01/ses-A/anat')
IMAGES = (
    'sub-01_ses-A_T1w',
    'sub-01_ses-A_acq-x_run-1_T1w',
    'sub-01_ses-A_acq-xy_run-02_T1w',
    'sub-01_ses-A_run-1_T2w',
)


def write(root, files):
    """Write a dataset of some images and JSON files (``folder/name`` -> content)."""
    root.mkdir(parents=True, exist_ok=True)
    (root / 'dataset_description.json').write_text('{"Name": "x", "BIDSVersion": "1.10.0"}')
    anat = root / FOLDERS[-1]
    anat.mkdir(parents=True, exist_ok=True)
    for image in IMAGES:
        (anat / f'{image}.nii.gz').write_bytes(b'')
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return root


def metadata(root, image=IMAGES[0]):
    return Sidecars(root).metadata(root / FOLDERS[-1] / f'{image}.nii.gz')


def test_all_levels_and_the_nearest_wins(tmp_path):
    files = {
        f'{folder}/{"_".join(folder.split("/")[:2]) + "_" if folder else ""}T1w.json'.lstrip(
            '/'
        ): {'Far': level, f'Level{level}': level}
        for level, folder in enumerate(FOLDERS)
    }
    root = write(tmp_path / 'raw', files)
    expected = {'Far': 3, 'Level0': 0, 'Level1': 1, 'Level2': 2, 'Level3': 3}
    assert metadata(root) == expected


def test_only_files_whose_entities_the_image_has(tmp_path):
    anat = FOLDERS[-1]
    root = write(
        tmp_path / 'raw',
        {
            'acq-x_T1w.json': {'OfX': 1},
            'run-1_T1w.json': {'OfRun': 1},
            'T2w.json': {'OfT2w': 1},
            f'{anat}/sub-01_ses-A_acq-x_T1w.json': {'Own': 'x'},
            f'{anat}/sub-01_ses-A_T1w.json': {'Own': 'all'},
        },
    )
    assert metadata(root, IMAGES[0]) == {'Own': 'all'}
    assert metadata(root, IMAGES[1]) == {'OfX': 1, 'OfRun': 1, 'Own': 'x'}
    assert metadata(root, IMAGES[2]) == {'Own': 'all'}
    assert metadata(root, IMAGES[3]) == {'OfT2w': 1}


def test_null_takes_a_field_back(tmp_path):
    root = write(tmp_path / 'raw', {
        'T1w.json': {'EchoTime': 1, 'FlipAngle': 2},
        f'{FOLDERS[-1]}/{IMAGES[0]}.json': {'EchoTime': None},
    })  # fmt: skip
    assert metadata(root) == {'FlipAngle': 2}


def test_padded_runs_are_the_same_run(tmp_path):
    root = write(
        tmp_path / 'raw', {'run-2_T1w.json': {'A': 1}, 'acq-xy_run-002_T1w.json': {'B': 1}}
    )
    assert metadata(root, IMAGES[2]) == {'A': 1, 'B': 1}


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        ('{"EchoTime": ', 'not readable as JSON'),
        ('', 'not readable as JSON'),
        ('[1]', 'must hold a JSON object'),
        ('{"a":' * 100_000, 'not readable as JSON'),
    ],
)
def test_a_broken_file_is_named(tmp_path, content, words):
    root = write(tmp_path / 'raw', {f'{FOLDERS[-1]}/{IMAGES[1]}.json': content})
    with pytest.raises(BrokenSidecarError, match=words) as error:
        metadata(root, IMAGES[1])
    assert f'{IMAGES[1]}.json' in str(error.value)
    assert '\n' not in str(error.value)
    assert metadata(root, IMAGES[0]) == {}
    (root / 'T1w.json').write_text(content)
    with pytest.raises(DatasetError, match=words):
        metadata(root, IMAGES[0])
    assert metadata(root, IMAGES[3]) == {}


def test_bytes_that_are_no_text_and_links_to_nowhere(tmp_path):
    root = write(tmp_path / 'raw', {})
    sidecar = root / FOLDERS[-1] / f'{IMAGES[0]}.json'
    sidecar.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(BrokenSidecarError, match='not readable as JSON'):
        metadata(root)
    sidecar.unlink()
    sidecar.symlink_to('../../.git/annex/objects/x')
    with pytest.raises(BrokenSidecarError, match='datalad get'):
        metadata(root)


CONTENTS = st.dictionaries(
    st.sampled_from(
        ['EchoTime', 'FlipAngle', 'Manufacturer', 'Shim', 'NonlinearGradientCorrection']
    ),
    st.one_of(
        st.none(),
        st.integers(-9, 9),
        st.floats(0.001, 10),
        st.sampled_from(['Hyperfine', 'n/a', '']),
        st.lists(st.integers(0, 3), max_size=3),
        st.just({'a': [1, {'b': 2.5}]}),
    ),
    max_size=4,
)


@st.composite
def datasets(draw):
    """Return JSON files, at most one of a suffix in a folder, as BIDS wants it."""
    files = {}
    for folder in FOLDERS:
        labels = ['sub-01', 'ses-A'][: min(folder.count('/') + 1, 2)] if folder else []
        for suffix in ('T1w', 'T2w'):
            if draw(st.booleans()):
                more = draw(st.sampled_from([[], ['acq-x'], ['run-1'], ['acq-xy', 'run-2']]))
                name = '_'.join([*labels, *more, f'{suffix}.json'])
                files[f'{folder}/{name}'.lstrip('/')] = draw(CONTENTS)
    return files


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files=datasets())
def test_the_same_as_pybids(tmp_path_factory, files):
    from bids import BIDSLayout

    root = write(tmp_path_factory.mktemp('raw'), files)
    layout = BIDSLayout(root, validate=False)
    for image in IMAGES:
        path = root / FOLDERS[-1] / f'{image}.nii.gz'
        assert metadata(root, image) == dict(layout.get_metadata(str(path)))


@pytest.mark.parametrize('name', ['ses-A_T1w', 'T1w', 'sub-01_T1w'])
def test_a_file_that_is_not_named_after_its_folder_is_not_read_and_told_of(tmp_path, name):
    anat = tmp_path / 'sub-01/ses-A/anat'
    anat.mkdir(parents=True)
    image, file = anat / 'sub-01_ses-A_T1w.nii.gz', anat.parent / f'{name}.json'
    file.write_text('{"EchoTime": 0.1}')
    sidecars = Sidecars(tmp_path)
    assert sidecars.metadata(image) == {}
    assert sidecars.misplaced(image) == [file]
    file.rename(anat.parent / 'sub-01_ses-A_T1w.json')
    sidecars = Sidecars(tmp_path)
    assert sidecars.metadata(image) == {'EchoTime': 0.1}
    assert sidecars.misplaced(image) == []


SENSIBLE = {
    'MagneticFieldStrength': 0.064,
    'RepetitionTime': 1.5,
    'EchoTime': 0.005,
    'FlipAngle': 90,
    'AcquisitionVoxelSize': [1.6, 1.6, 5],
    'SliceThickness': 5,
    'SkullStripped': False,
    'ScanningSequence': ['GR', 'IR'],
    'PulseSequenceType': None,
    'NumberShots': 1,
}


@pytest.mark.parametrize('metadata', [{}, SENSIBLE])
def test_sensible_sidecars_stay_as_they_are(metadata):
    assert usable_metadata(metadata) == (metadata, ())


@pytest.mark.parametrize('key', ['InversionTime', 'SliceThickness'])
def test_zero_is_how_converters_write_that_they_do_not_know(key):
    assert usable_metadata({**SENSIBLE, key: 0})[0].get(key) is None
    assert usable_metadata({**SENSIBLE, key: 0})[1] == ()


@pytest.mark.parametrize('key', NUMBERS)
@pytest.mark.parametrize('write', [str, lambda value: [value], lambda value: f' {value} '])
def test_a_number_written_otherwise_is_a_number(key, write):
    value = 0.3
    usable, (remark,) = usable_metadata({key: write(value)})
    assert usable == {key: value}
    assert remark.text.startswith(f'{key} is ')
    assert remark.text.endswith('taken for 0.3.')


@pytest.mark.parametrize('sizes', [['1.6', '1.6', '5'], ['1.6', 1.6, 5]])
def test_lengths_written_as_texts_are_lengths(sizes):
    usable, (remark,) = usable_metadata({'AcquisitionVoxelSize': sizes})
    assert usable == {'AcquisitionVoxelSize': [1.6, 1.6, 5]}
    assert 'taken for [1.6, 1.6, 5' in remark.text


@pytest.mark.parametrize(
    ('key', 'value', 'word'),
    [
        ('EchoTime', 5, 'milliseconds (0.005 s?)'),
        ('RepetitionTime', 2300.0, 'milliseconds (2.3 s?)'),
        ('RepetitionTime', '2300', 'milliseconds (2.3 s?)'),
        ('InversionTime', 400, 'milliseconds (0.4 s?)'),
        ('EchoTime', 'abc', "'abc'"),
        ('EchoTime', [0.005, 0.01], '[0.005, 0.01]'),
        ('EchoTime', 0, 'seconds'),
        ('EchoTime', -0.005, 'seconds'),
        ('EchoTime', float('nan'), 'nan'),
        ('EchoTime', True, 'True'),
        ('EchoTime', 10**400, 'seconds'),
        ('FlipAngle', 1000, 'degrees'),
        ('AcquisitionVoxelSize', [1600, 1600, 5000], 'millimetres'),
        ('AcquisitionVoxelSize', [0.0016, 0.0016, 0.005], 'millimetres'),
        ('AcquisitionVoxelSize', [1.6, 1.6], 'three lengths'),
        ('AcquisitionVoxelSize', '1.6x1.6x5', 'three lengths'),
        ('SliceThickness', -5, 'millimetres'),
        ('SliceThickness', 160, 'millimetres'),
        ('SliceThickness', 20, 'slab'),
        ('AcquisitionVoxelSize', ['1.6', '1.6', 'thick'], 'length in mm'),
        ('SliceThickness', 'thick', 'length in mm'),
        ('EchoTime', 'x' * 5000, '...'),
        ('SkullStripped', 'yes', 'true or false'),
        ('SkullStripped', 1, 'true or false'),
        ('PulseSequenceType', 7, 'text'),
        ('ScanningSequence', ['SE', 3], 'text'),
        ('NumberShots', 'many', 'number'),
        ('NumberOfAverages', -1, 'number'),
    ],
)
def test_what_cannot_be_is_ignored_and_named(key, value, word):
    usable, remarks = usable_metadata({**SENSIBLE, key: value})
    assert usable == {k: v for k, v in SENSIBLE.items() if k != key}
    assert remarks[-1].level == 'warning'
    said = remarks[-1].text
    assert said.startswith(f'{key} is ')
    assert word in said
    assert said.endswith('it was ignored.')
    assert len(said) < 300


@pytest.mark.parametrize('key', TIMINGS)
def test_a_timing_never_refuses_a_scan(key):
    for value in (None, '', {}, [], 'n/a', 1e300, float('inf')):
        assert key not in {k for k, v in usable_metadata({key: value})[0].items() if v is not None}
