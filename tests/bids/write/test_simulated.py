"""The raw dataset of simulated scans: names, sidecars, dataset files, refusals."""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from plans import make_plan
from records import SIMULATION
from runs import validate

from ulfprep import __version__
from ulfprep.bids.files import read_json, write_json, write_nifti, write_text
from ulfprep.bids.read.acquisition import field_strength
from ulfprep.bids.read.dataset import find_scans
from ulfprep.bids.task import Scan
from ulfprep.bids.write.simulated import (
    SEQUENCE_TYPES,
    is_written,
    raw_path,
    refuse_folder,
    simulated_sidecar,
    start_dataset,
    write_simulated,
)
from ulfprep.physics.plan import acquired_resolution
from ulfprep.physics.sequences import PRESETS
from ulfprep.physics.signals import KINDS, Sequence, tissue_signals
from ulfprep.physics.source_sequence import expected_signals, sequence_from_metadata
from ulfprep.settings import MODALITIES, Settings

VOXEL_SIZE = (1.6, 1.6, 5.0)


def scan_of(suffix='T1w', **entities):
    return Scan(
        Path('x.nii.gz'), {'subject': '01', **entities}, {}, 'sub-01', 'bids:raw:x', suffix
    )


def plan_of(sequence=PRESETS['ULF-T1w'], field=0.064):
    return make_plan(
        source_field_T=3.0,
        target_field_T=field,
        target_sequence=sequence,
        contrast_vector=(1.2, 0.9, 1.0),
    )


def sidecar_of(sequence=PRESETS['ULF-T1w'], field=0.064, modality='T1w', k=1, **changes):
    facts = replace(SIMULATION, voxel_size_mm=VOXEL_SIZE, **changes)
    plan = replace(plan_of(sequence, field), modality=modality)
    return simulated_sidecar(plan, facts, realisation=k, source='bids:raw:x')


def images_of(folder, count=2, start=0.0):
    """Write small images that differ, as the derivatives would be."""
    ramp = np.arange(4 * 4 * 3, dtype=np.float32).reshape(4, 4, 3) / 7 + start
    affine = np.diag([*VOXEL_SIZE, 1])
    return [
        write_nifti(folder / f'simulated{k}.nii.gz', ramp + k, affine) for k in range(1, count + 1)
    ]


def simulate_all(root, folder, tmp_path, count=2, modalities=MODALITIES):
    """Write a simulated scan for every scan of a dataset, as a run would."""
    settings = Settings(root, tmp_path / 'out', modalities=modalities)
    start_dataset(folder, settings)
    scans = find_scans(settings)
    for scan in scans:
        sequence = PRESETS[f'ULF-{scan.suffix}']
        sidecars = [
            sidecar_of(sequence, modality=scan.suffix, k=k, stream=scan.name)
            for k in range(1, count + 1)
        ]
        write_simulated(folder, scan, images_of(tmp_path / 'derived', count), sidecars)
    return scans


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob('*')
        if path.is_file()
    }


# Sidecars


@pytest.mark.parametrize('name', PRESETS)
def test_a_sequence_is_read_back_from_its_sidecar(name):
    """Kind and timings, and with them the contrast that an enhancement would expect."""
    sequence = PRESETS[name]
    field, modality = (0.064 if name.startswith('ULF') else 3.0), name.split('-')[1]
    sidecar = sidecar_of(sequence, field, modality)
    found, _ = sequence_from_metadata(sidecar, field, modality)
    assert found.kind == sequence.kind
    assert found.repetition_time == sequence.repetition_time
    assert found.echo_time == sequence.echo_time
    assert found.inversion_time == sequence.inversion_time
    if sequence.kind in ('MPRAGE', 'SPGR'):
        assert found.flip_angle == sequence.flip_angle
    assert expected_signals(sidecar, field, modality) == pytest.approx(
        tissue_signals(sequence, field)
    )


@pytest.mark.parametrize('modality', ['T1w', 'T2w'])
@pytest.mark.parametrize('kind', KINDS)
def test_every_kind_of_sequence_has_words_that_mean_it(kind, modality):
    assert kind in SEQUENCE_TYPES
    sequence = Sequence(kind, 2.0, 0.01, 0.5, 12.0)
    found, _ = sequence_from_metadata(sidecar_of(sequence), 0.064, modality)
    # Two names of one sequence.
    assert found.kind == {'GRE': 'SPGR'}.get(kind, kind)


def test_a_train_of_excitations_is_read_back_whatever_its_length():
    sequence = Sequence('MPRAGE', 2.0, 0.003, 0.8, 8.0, 0.6, echo_spacing=0.009)
    sidecar = sidecar_of(sequence, 1.5)
    assert expected_signals(sidecar, 1.5) == pytest.approx(tissue_signals(sequence, 1.5))


def test_fields_that_make_no_sense_for_a_sequence_are_left_out():
    turbo = sidecar_of(Sequence('FSE', 2.0, 0.16, 0.0, 90.0, 0.6))
    assert not {'InversionTime', 'FlipAngle', 'NumberShots'} & set(turbo)
    ideal = sidecar_of(Sequence('SE', 2.0, 0.0))
    assert 0 < ideal['EchoTime'] < 1e-5, 'BIDS refuses an echo time of zero'


def test_a_sidecar_says_how_the_scan_was_made():
    sidecar = sidecar_of(k=2)
    assert sidecar['MagneticFieldStrength'] == 0.064
    assert sidecar['AcquisitionVoxelSize'] == [1.6, 1.6, 5.0]
    assert sidecar['SliceThickness'] == 5.0
    assert sidecar['SkullStripped'] is True
    assert sidecar_of(keep_head=True)['SkullStripped'] is False
    assert sidecar['Simulation'] == {
        'Source': 'bids:raw:x',
        'SourceField_T': 3.0,
        'Modality': 'T1w',
        'ContrastVector': {'CSF': 1.2, 'GM': 0.9, 'WM': 1.0},
        'SNR': 14.0,
        'NoiseSD': 7.5,
        'NoiseFWHM_mm': 2.0,
        'PSF': 'slice-profile',
        'PSF_FWHM_mm': [1.6, 1.6, 5.0],
        'BiasStrength': 0.1,
        'TrainDuration_s': 0.6,
        'RandomSeed': 7,
        'RandomStream': 'sub-01_T1w',
        'Realisation': 2,
        'Software': f'ulfprep {__version__}',
    }


# Names


def test_names_are_those_of_the_source_and_the_realisation():
    assert raw_path(scan_of(), 1).as_posix() == 'sub-01/anat/sub-01_rec-sim1_T1w.nii.gz'
    entities = {'run': '01', 'session': 'A', 'acquisition': 'x', 'ceagent': 'c', 'echo': '2'}
    scan = scan_of('FLAIR', reconstruction='norm', **entities)
    assert raw_path(scan, 12).as_posix() == (
        'sub-01/ses-A/anat/sub-01_ses-A_acq-x_ce-c_rec-normsim12_run-01_echo-2_FLAIR.nii.gz'
    )


# The dataset


@pytest.fixture
def source(make_dataset):
    """Return a high-field dataset of two participants, a session, T1w and T2w."""
    metadata = {'MagneticFieldStrength': 3}
    make_dataset('sub-01', 'sub-02_ses-A_acq-x_run-01', metadata=metadata)
    return make_dataset('sub-02_ses-A', metadata=metadata, suffix='T2w')


@pytest.mark.parametrize('keep', ['', 'participants'])
def test_the_dataset_passes_the_validator(source, tmp_path, keep):
    if keep:
        rows = 'participant_id\tage\nsub-01\t33\nsub-02\tn/a\nsub-gone\t50\n'
        write_text(source / 'participants.tsv', rows)
        age = {'Description': 'Age', 'Units': 'year'}
        write_json(source / 'participants.json', {'age': age})
        description = read_json(source / 'dataset_description.json')
        description |= {'Authors': ['A', 'B'], 'License': 'CC0', 'DatasetDOI': 'doi:10.1/x'}
        write_json(source / 'dataset_description.json', description)
        write_text(source / 'LICENSE', 'Free.\n')
    folder = tmp_path / 'sim'
    simulate_all(source, folder, tmp_path)
    # Sequences of every kind: none of their fields may be refused.
    ideal = Sequence('SE', 2.0, 0.0)
    for number, sequence in enumerate([*PRESETS.values(), ideal], 1):
        scan = scan_of(acquisition=f'p{number}')
        write_simulated(folder, scan, images_of(tmp_path / 'derived', 1), [sidecar_of(sequence)])
    done = validate(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    # Nothing is doubted either: the warnings are of scanner and institution, which are none.
    codes = set(re.findall(r'\[WARNING\] (\w+)', done.stdout))
    unknown = {'JSON_KEY_RECOMMENDED', 'SIDECAR_KEY_RECOMMENDED'}
    unknown |= set() if keep else {'NO_AUTHORS', 'TOO_FEW_AUTHORS'}
    assert codes == unknown, done.stdout


def test_ulfprep_reads_the_dataset_as_low_field_scans(source, tmp_path):
    folder = tmp_path / 'sim'
    simulate_all(source, folder, tmp_path)
    scans = find_scans(Settings(folder, tmp_path / 'again', modalities=MODALITIES))
    assert [scan.name for scan in scans] == [
        'sub-01_rec-sim1_T1w',
        'sub-01_rec-sim2_T1w',
        'sub-02_ses-A_acq-x_rec-sim1_run-01_T1w',
        'sub-02_ses-A_acq-x_rec-sim2_run-01_T1w',
        'sub-02_ses-A_rec-sim1_T2w',
        'sub-02_ses-A_rec-sim2_T2w',
    ]
    for scan in scans:
        assert field_strength(scan.metadata, None, scan.name)[0] == 0.064
        zooms = nib.load(scan.path).header.get_zooms()
        assert acquired_resolution(scan.metadata, zooms)[0] == pytest.approx(VOXEL_SIZE)


def test_the_description_names_what_the_dataset_is_and_where_it_is_from(source, tmp_path):
    write_json(
        source / 'dataset_description.json',
        {
            'Name': 'Brains',
            'BIDSVersion': '1.8.0',
            'License': 'CC-BY-4.0',
            'Authors': ['Ada', 'Émilie'],
            'DatasetDOI': 'doi:10.1/x',
        },
    )
    write_text(source / 'LICENSE', 'Keep this notice.\n')
    folder = tmp_path / 'sim'
    start_dataset(folder, Settings(source, tmp_path / 'out'))
    description = read_json(folder / 'dataset_description.json')
    assert description['DatasetType'] == 'raw'
    assert description['Name'] == 'Simulated low-field scans of Brains'
    assert 'HowToAcknowledge' not in description, 'that of the derivatives names a file of theirs'
    assert description['License'] == 'CC-BY-4.0'
    assert description['Authors'] == ['Ada', 'Émilie']
    assert description['SourceDatasets'] == [{'URL': '../raw', 'DOI': 'doi:10.1/x'}]
    assert description['DatasetLinks'] == {'raw': '../raw'}, 'BIDS URIs of sidecars use it'
    made_by = description['GeneratedBy'][0]
    assert (made_by['Name'], made_by['Version']) == ('ulfprep', __version__)
    assert (folder / 'LICENSE').read_text() == 'Keep this notice.\n'
    readme = (folder / 'README.md').read_text()
    words = ' '.join(readme.split())
    assert 'These images are simulated. No scanner measured them.' in words
    assert '"Brains" (`../raw`, doi:10.1/x)' in words
    assert 'Research use only' in words


def test_participants_are_those_of_the_source(source, tmp_path):
    folder, settings = tmp_path / 'sim', Settings(source, tmp_path / 'out')
    start_dataset(folder, settings)
    table = folder / 'participants.tsv'
    assert table.read_bytes() == b'participant_id\nsub-01\nsub-02\n'
    # With Excel's byte-order mark and line ends; one row without a folder, one folder without row.
    text = '\ufeffsex\tparticipant_id\r\nF\tsub-02\r\nM\tsub-99\r\n'
    write_text(source / 'participants.tsv', text)
    write_json(source / 'participants.json', {'sex': {'Description': 'Sex'}})
    start_dataset(folder, settings)
    assert table.read_bytes() == b'sex\tparticipant_id\nn/a\tsub-01\nF\tsub-02\n'
    assert read_json(folder / 'participants.json') == {'sex': {'Description': 'Sex'}}


@pytest.mark.parametrize('content', [b'', b'name\nx\n', b'participant_id\tn\nsub-\xff\t1\n'])
def test_a_useless_table_of_participants_is_replaced(source, tmp_path, content):
    (source / 'participants.tsv').write_bytes(content)
    write_json(source / 'participants.json', {'n': {'Description': 'of a column that is gone'}})
    start_dataset(tmp_path / 'sim', Settings(source, tmp_path / 'out'))
    table = (tmp_path / 'sim/participants.tsv').read_text()
    assert table == 'participant_id\nsub-01\nsub-02\n'
    assert not (tmp_path / 'sim/participants.json').exists()


def test_runs_at_the_same_time_leave_what_one_run_leaves(source, tmp_path):
    simulate_all(source, tmp_path / 'alone', tmp_path)
    with ThreadPoolExecutor(4) as pool:
        runs = [
            pool.submit(simulate_all, source, tmp_path / 'sim', tmp_path / f'run{k}')
            for k in range(4)
        ]
        for run in runs:
            run.result()
    assert contents(tmp_path / 'sim') == contents(tmp_path / 'alone')


def test_unicode_and_spaces_in_paths(make_dataset, tmp_path):
    source = make_dataset('sub-01', name='Köpfe am 3 T', metadata={'MagneticFieldStrength': 3})
    folder = tmp_path / 'mit Raum/模拟 数据'
    assert refuse_folder(folder, source, tmp_path / 'out') is None
    simulate_all(source, folder, tmp_path, modalities=('T1w',))
    description = read_json(folder / 'dataset_description.json')
    assert description['SourceDatasets'][0]['URL'] == '../../K%C3%B6pfe%20am%203%20T'
    assert refuse_folder(folder, source, tmp_path / 'out') is None
    assert len(find_scans(Settings(folder, tmp_path / 'again'))) == 2
    done = validate(folder)
    assert done.returncode == 0, done.stdout + done.stderr


# Finished or not


def test_a_scan_is_written_once_all_its_files_are_there(tmp_path):
    folder, scan, files = tmp_path / 'sim', scan_of(), images_of(tmp_path)
    assert not is_written(folder, scan, files)
    paths = write_simulated(folder, scan, files, [sidecar_of(), sidecar_of(k=2)])
    assert is_written(folder, scan, files)
    assert not is_written(folder, scan, files[:1]), 'a realisation too many'
    assert not is_written(folder, scan, [*files, files[0]]), 'one is missing'
    assert not is_written(folder, scan_of('T2w'), files), 'of another modality'
    assert not is_written(folder, scan, images_of(tmp_path / 'other', start=5.0))
    for path in (paths[1], paths[0].with_name('sub-01_rec-sim1_T1w.json')):
        content = path.read_bytes()
        path.write_bytes(b'')
        assert not is_written(folder, scan, files), f'{path} is empty'
        path.unlink()
        assert not is_written(folder, scan, files), f'{path} is missing'
        path.write_bytes(content)
    assert is_written(folder, scan, files)


def test_fewer_realisations_leave_none_of_an_earlier_run(tmp_path):
    folder, files = tmp_path / 'sim', images_of(tmp_path, 11)
    neighbours = [scan_of(), scan_of('T2w'), scan_of(run='1'), scan_of(reconstruction='sim1')]
    for scan in neighbours:
        sidecars = [sidecar_of(k=k) for k in range(1, 12)]
        write_simulated(folder, scan, files, sidecars)
    write_simulated(folder, neighbours[0], files[:1], [sidecar_of()])
    assert is_written(folder, neighbours[0], files[:1])
    assert all(is_written(folder, scan, files) for scan in neighbours[1:])
    assert len(contents(folder)) == 2 * (1 + 3 * 11), 'sidecars went with their images'


def test_a_set_that_is_only_half_replaced_does_not_count(tmp_path):
    folder, scan = tmp_path / 'sim', scan_of()
    sidecars = [sidecar_of(), sidecar_of(k=2)]
    write_simulated(folder, scan, images_of(tmp_path), sidecars)
    files = images_of(tmp_path / 'new', start=5.0)
    files[1].unlink()
    with pytest.raises(FileNotFoundError):
        write_simulated(folder, scan, files, sidecars)
    assert not is_written(folder, scan, files)


# Refusals


@pytest.mark.parametrize(
    ('folder', 'reason'),
    [
        ('data/raw', 'is the input dataset'),
        ('data/raw/derivatives/sim', 'lies in the input dataset'),
        ('data', 'contains the input dataset'),
        ('results/out', 'is the output folder'),
        ('results/out/sim', 'lies in the output folder'),
        ('results', 'contains the output folder'),
        ('results/../data/raw', 'is the input dataset'),
        ('link/sim', 'lies in the input dataset'),
    ],
)
def test_folders_that_would_mix_with_input_or_output_are_refused(tmp_path, folder, reason):
    bids, out = tmp_path / 'data/raw', tmp_path / 'results/out'
    bids.mkdir(parents=True)
    out.mkdir(parents=True)
    (tmp_path / 'link').symlink_to(bids)
    message = refuse_folder(tmp_path / folder, bids, out)
    assert reason in message
    assert message.startswith(str(tmp_path / folder))
    assert '\n' not in message


def test_new_and_empty_folders_and_own_datasets_are_taken(source, tmp_path):
    folder, out = tmp_path / 'sim', tmp_path / 'out'
    assert refuse_folder(folder, source, out) is None
    folder.mkdir()
    (folder / '.DS_Store').touch()
    assert refuse_folder(folder, source, out) is None
    simulate_all(source, folder, tmp_path)
    assert refuse_folder(folder, source, out) is None
    # Names that only begin alike are no parents.
    assert refuse_folder(tmp_path / 'raw-sim', source, out) is None


def test_a_dataset_reached_through_links_is_known_again(source, tmp_path):
    (tmp_path / 'far/away').mkdir(parents=True)
    (tmp_path / 'near').symlink_to(tmp_path / 'far/away')
    folder = tmp_path / 'near/sim'
    simulate_all(source, folder, tmp_path)
    assert refuse_folder(folder, source, tmp_path / 'out') is None
    url = read_json(folder / 'dataset_description.json')['SourceDatasets'][0]['URL']
    assert (folder.resolve() / url).resolve() == source


@pytest.mark.parametrize(
    'description',
    [
        None,
        'not JSON',
        '[]',
        '{"DatasetType": "raw"}',
        '{"DatasetType": "raw", "GeneratedBy": [{"Name": "other"}]}',
        '{"DatasetType": "derivative", "GeneratedBy": [{"Name": "ulfprep"}]}',
        '{"DatasetType": "raw", "GeneratedBy": "ulfprep"}',
    ],
)
def test_folders_with_anything_else_in_them_are_refused(source, tmp_path, description):
    folder = tmp_path / 'precious'
    write_text(folder / 'thesis.txt', 'Years of work.')
    if description is not None:
        write_text(folder / 'dataset_description.json', description)
    message = refuse_folder(folder, source, tmp_path / 'out')
    assert 'is not empty, and what is in it was not simulated by ulfprep' in message


def test_scans_of_two_datasets_are_not_mixed(source, make_dataset, tmp_path):
    other = make_dataset('sub-01', name='other')
    folder = tmp_path / 'sim'
    simulate_all(source, folder, tmp_path)
    message = refuse_folder(folder, other, tmp_path / 'out')
    assert 'simulated from another dataset (../raw)' in message


def test_a_file_is_no_folder(source, tmp_path):
    (tmp_path / 'sim').touch()
    assert 'is a file' in refuse_folder(tmp_path / 'sim', source, tmp_path / 'out')


@pytest.mark.skipif(os.geteuid() == 0, reason='root may read everything')
def test_a_folder_that_cannot_be_read_is_refused(source, tmp_path):
    (tmp_path / 'sim').mkdir(mode=0o000)
    message = refuse_folder(tmp_path / 'sim', source, tmp_path / 'out')
    assert 'cannot be read (Permission denied)' in message
