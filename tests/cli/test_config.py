"""Settings of an earlier run, read back from TOML and changed by flags."""

import dataclasses

import pytest
from runs import QUICK
from same import differences

from ulfprep.cli.exit_codes import Exit, Stop
from ulfprep.cli.main import main
from ulfprep.cli.parser import build_parser, parse_args
from ulfprep.settings import Settings

BASE = ['in', 'out', 'participant']


@pytest.fixture
def every_flag(tmp_path):
    """Return a command line on which every setting differs from its default."""
    return [
        'in', 'out dir', 'group',
        '--participant-label', '01', '02', '--session-label', 'A',
        '--modalities', 'T2w', 'FLAIR', '--fuse', 'contrasts',
        '-d', 'fmriprep=/some/where', 'else where',
        '--bids-database-dir', 'index', '--skip-bids-validation',
        '--target-field', '1.5', '--source-field', '0.064', '--target-contrast', 'WM-GM=-0.4',
        '--target-like', str(tmp_path / 'ref "T2w".nii.gz'),
        '--relaxation', '[{"tissue": "WM", "field_T": "0.064", "T1_ms": "300"}]',
        '--acquired-resolution', '1.5', '1.5', '5', '--target-resolution', '2', '2', '4',
        '--target-snr', '10', '--n-realisations', '3', '--bias-strength', '0.1',
        '--noise-fwhm', '2', '--keep-head', '--psf', 'kspace', '--likelihood', 'mae',
        '--simulate-as-bids', str(tmp_path / 'raw'), '--skull-strip', 'skip',
        '--brain-mask', str(tmp_path / 'masks'), '--tissue-prior', 'template',
        '--backbone', 'wire', '--output-resolution', '0.5', '--segmentation', 'embedded',
        '--device', 'cuda:1', '--nprocs', '3', '--omp-nthreads', '2', '--mem-mb', '8000',
        '--use-plugin', 'plugin.yml', '-w', 'elsewhere', '--random-seed', '7', '--sloppy',
        '--stop-on-first-crash', '-v', '--reference', 'auto', '--interactive-report',
        '--group-by', 'site',
    ]  # fmt: skip


#: Settings that a file does not bring back, or that the command line has no value for.
NOT_STORED = {
    'target_like_digest', 'target_sequence', 'source_sequence', 'clean_workdir', 'force',
    'dry_run', 'reports_only', 'boilerplate_only', 'write_graph', 'bids_filters',
    'write_sbatch', 'sbatch_args', 'container_image', 'node_local_work',
}  # fmt: skip


@pytest.fixture
def again(tmp_path):
    """Return a function that has settings written, and read back with more arguments."""

    def again(settings, *arguments):
        file = tmp_path / 'settings.toml'
        file.write_text(settings.to_toml())
        return parse_args(['--config-file', str(file), *arguments])

    return again


def test_every_setting_comes_back_exactly(every_flag, again):
    settings = parse_args(every_flag)
    plain = Settings(settings.bids_dir, settings.output_dir)
    same = {f.name for f in dataclasses.fields(Settings)
            if getattr(settings, f.name) == getattr(plain, f.name)}  # fmt: skip
    assert same == NOT_STORED | {'bids_dir', 'output_dir'}
    assert again(settings) == settings


def test_what_files_held_is_in_the_settings(tmp_path, again):
    own, table, filters = (tmp_path / n for n in ('own.json', 'own.tsv', 'filters.json'))
    own.write_text('{"repetition_time": 2.0, "kind": "FSE", "echo_time": 0.1}')
    table.write_text('tissue\tfield_T\tT1_ms\nWM\t0.064\t300\n')
    filters.write_text('{"t1w": {"run": "*", "acquisition": null}}')
    arguments = ['--target-sequence', str(own), '--relaxation', str(table)]
    settings = parse_args([*BASE, *arguments, '--bids-filter-file', str(filters)])
    for path in (own, table, filters):
        path.unlink()
    assert again(settings) == settings


def test_flags_go_before_the_file(every_flag, again):
    told = ['--target-sequence', 'HF-T2w', '--nprocs', '1', 'a', 'b', 'participant']
    settings = again(parse_args(every_flag), *told)
    assert settings.target_sequence.text == 'HF-T2w'
    assert settings.target_like is None
    assert (settings.nprocs, settings.omp_nthreads) == (1, 1)
    assert (settings.bids_dir.name, settings.analysis_level) == ('a', 'participant')
    assert settings.backbone == 'wire'
    other = again(settings, '--target-like', 'ref.nii.gz')
    assert (other.target_sequence, other.target_like.name) == (None, 'ref.nii.gz')


def test_what_is_done_once_is_not_repeated(again):
    settings = again(parse_args([*BASE, '--force', '--clean-workdir', '--dry-run']))
    assert not any((settings.force, settings.clean_workdir, settings.dry_run))


@pytest.mark.parametrize(
    ('text', 'word'),
    [
        ('sloppy = ', 'TOML'),
        ('sloppy = 1', 'sloppy'),
        ('speed = "high"', 'speed'),
        ('modalities = ["T1"]', 'T1'),
        ('modalities = [["T1w"]]', 'modalities'),
        ('nprocs = 1.5', 'nprocs'),
        ('nprocs = true', 'nprocs'),
        ('nprocs = [1]', 'nprocs'),
        ('verbose = -1', 'verbose'),
        ('random_seed = 2025-01-01', 'random_seed'),
        ('target_contrast = ["--sloppy"]', 'target_contrast'),
        ('bids_dir = 3', 'bids_dir'),
        ('bids_dir = "in"\noutput_dir = "out"\nanalysis_level = "both"', 'both'),
        ('help = true', 'help'),
        ('a' * 10 + ' = ' + '[' * 5000, 'TOML'),
    ],
)
def test_a_file_that_says_nonsense_is_64_and_named(text, word, tmp_path, capsys):
    file = tmp_path / 'settings.toml'
    file.write_text(text)
    assert main(['--config-file', str(file), *BASE]) == Exit.USAGE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f'ulfprep: error: {file}: ')
    assert word in line


def test_no_file_is_66(tmp_path, capsys):
    assert main(['--config-file', str(tmp_path / 'none.toml')]) == Exit.NO_INPUT
    assert 'none.toml' in capsys.readouterr().err


def test_what_is_nowhere_is_missing(tmp_path, capsys):
    file = tmp_path / 'settings.toml'
    file.write_text('bids_dir = "in"\n')
    with pytest.raises(SystemExit) as stop:
        parse_args(['--config-file', str(file), 'a', 'b'])
    assert stop.value.code == Exit.COMMAND_LINE
    assert 'analysis_level' in capsys.readouterr().err


def test_another_reference_scan_than_stored_is_refused(make_dataset, again):
    from ulfprep.cli.preflight import reference_digest

    scan = make_dataset('sub-01') / 'sub-01/anat/sub-01_T1w.nii.gz'
    settings = parse_args([*BASE, '--target-like', str(scan)])
    stored = dataclasses.replace(settings, target_like_digest=reference_digest(settings))
    assert reference_digest(again(stored)) == stored.target_like_digest
    scan.write_bytes(scan.read_bytes() + b'\0')
    with pytest.raises(Stop, match='not the scan'):
        reference_digest(again(stored))
    assert reference_digest(again(stored, '--target-like', str(scan)))


def test_every_setting_has_a_flag_or_is_found():
    dests = {action.dest for action in build_parser()._actions}
    fields = {field.name for field in dataclasses.fields(Settings)}
    assert fields - dests == {'target_like_digest', 'node_local_work'}


@pytest.mark.usefixtures('in_process')
def test_a_run_is_repeated_exactly_by_its_settings(make_dataset, tmp_path):
    root = make_dataset('sub-01', 'sub-02_ses-A')
    arguments = [
        '-w', str(tmp_path / 'work'), *QUICK, '--random-seed', '7',
        '--output-resolution', '2', '--participant-label', '02',
        '--target-contrast', 'WM-GM=0.3',
    ]  # fmt: skip
    assert main([str(root), str(tmp_path / 'one'), 'participant', *arguments]) == 0
    (file,) = tmp_path.glob('one/logs/*/settings.toml')
    elsewhere = ['-w', str(tmp_path / 'work 2'), str(root), str(tmp_path / 'two'), 'participant']
    assert main(['--config-file', str(file), *elsewhere]) == 0

    assert differences(tmp_path / 'two', tmp_path / 'one') == []
    (again,) = tmp_path.glob('two/logs/*/settings.toml')
    told = again.read_text().replace('/two"', '/one"').replace('/work 2"', '/work"')
    assert told == file.read_text()
