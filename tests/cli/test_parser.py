"""Arguments to settings, and what is not understood to exit code 2."""

import dataclasses
import re
import subprocess
import sys

import pytest

from ulfprep import __version__
from ulfprep.cli.exit_codes import Exit
from ulfprep.cli.parser import build_parser, parse_args
from ulfprep.machine import usable_cpus
from ulfprep.physics.sequences import Sequence

BASE = ['in', 'out', 'participant']


def test_defaults(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    settings = parse_args(BASE)
    assert settings.bids_dir == tmp_path / 'in'
    assert settings.output_dir == tmp_path / 'out'
    assert settings.work_dir == tmp_path / 'work'
    assert settings.target_field is None
    assert settings.source_field is None
    assert settings.device == settings.segmentation == 'auto'
    assert settings.nprocs == usable_cpus()
    assert settings.omp_nthreads == min(8, settings.nprocs)


@pytest.mark.parametrize('flag', ['--participant-label', '--participant_label'])
def test_labels_lose_prefix_and_repetition(flag):
    settings = parse_args([*BASE, flag, 'sub-01', '02', '01', '--session-label', 'ses-A', 'B'])
    assert settings.participant_label == ('01', '02')
    assert settings.session_label == ('A', 'B')


def test_threads_never_exceed_processes():
    settings = parse_args([*BASE, '--nprocs', '3', '--omp-nthreads', '5'])
    assert (settings.nprocs, settings.omp_nthreads) == (3, 3)


#: Each a command line after folders and level.
NONSENSE = [
    '--participant-label a/b', '--session-label ..', '--target-field -3', '--target-field nan',
    '--source-field 64', '--device gpu', '--device cuda:x', '--nprocs 0', '--omp-nthreads 1.5',
    '--random-seed -1', '--segmentation FAST', '--sloppy yes more', '--slop', '--modalities T1',
    '--modalities', '--target-sequence no-such-file.json', '--relaxation no-such-file.tsv',
    '--acquired-resolution 1.6 1.6', '--acquired-resolution 1.6 1.6 0',
    '--target-resolution 1 1 thick', '--output-resolution 0.39', '--output-resolution 3.01',
    '--output-resolution fine', '--output-resolution nan', '--output-resolution 1 1 1',
    '--target-snr 0', '--target-snr inf', '--n-realisations 0', '--bias-strength -1',
    '--noise-fwhm nan', '--psf sinc', '--likelihood gauss', '--backbone mlp',
    '--tissue-prior atlas', '--fuse sessions', '--target-like a.nii --target-sequence HF-T1w',
    '--dry-run --reports-only', '--mem 8X', '--mem -1', '--mem 0', '--mem inf', '--mem-mb 8',
    '--bids-filter-file no-such-file.json', '--sbatch-arg=--array=1-3', '--sbatch-arg=partition',
]  # fmt: skip


@pytest.mark.parametrize(
    'argv',
    [
        ['in', 'out', 'session'],
        [*BASE, '--mem', '8 M'],
        [*BASE, '--sbatch-arg=-p a\n#SBATCH -b'],
        *([*BASE, *words.split()] for words in NONSENSE),
    ],
    ids=' '.join,
)
def test_what_is_not_understood_is_2_and_names_the_flag(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        parse_args(argv)
    assert stop.value.code == Exit.COMMAND_LINE == 2
    error = capsys.readouterr().err
    assert 'error:' in error
    flag = argv[3].partition('=')[0] if argv[3:] else 'analysis_level'
    assert flag in error or argv[-1] in error


@pytest.mark.parametrize(
    ('spelt', 'gb'),
    [
        (['--mem', '8'], 8),
        (['--mem-gb', '8'], 8),
        (['--mem', '8000M'], 8000 / 1024),
        (['--mem-mb', '8000'], 8000 / 1024),
        (['--mem_mb', '8000'], 8000 / 1024),
        (['--mem-mb=2GB'], 2),
        (['--mem-mb', '2147483648B'], 2),
    ],
)
def test_memory_in_the_spellings_of_others(spelt, gb):
    assert parse_args([*BASE, *spelt]).mem_gb == pytest.approx(gb)


def test_help_says_that_this_is_no_medical_device_and_names_the_presets_there_are():
    """The names are written out there, for --help imports no physics."""
    from ulfprep.physics.sequences import PRESETS

    parser = build_parser()
    assert 'not a medical device' in ' '.join(parser.format_help().split())
    text = next(a.help for a in parser._actions if '--target-sequence' in a.option_strings)
    listed = text.partition('or a JSON file')[0]
    assert set(re.findall(r'[A-Z]+-[\w-]+', listed)) == set(PRESETS)


HELP = """
try:
    ulfprep.cli.main.main([{flag!r}])
finally:
    print(sorted({{'torch', 'nipype', 'bids', 'numpy', 'nibabel'}} & set(sys.modules)))
"""


@pytest.mark.parametrize('flag', ['--help', '--version'])
def test_help_and_version_import_nothing_heavy(flag):
    code = 'import sys, ulfprep.cli.main\n' + HELP.format(flag=flag)
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 0
    *said, heavy = done.stdout.splitlines()
    assert heavy == '[]'
    assert said == [f'ulfprep {__version__}'] or flag == '--help'


def test_no_library_is_imported_before_its_environment_is_set():
    code = "import sys, ulfprep.cli.participant; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == 'False'


def test_paths_are_absolute_without_links(tmp_path):
    (tmp_path / 'real').mkdir()
    (tmp_path / 'link').symlink_to('real')
    assert parse_args([str(tmp_path / 'link'), 'o', 'group']).bids_dir == tmp_path / 'real'


def test_modalities_come_in_one_order_and_once():
    settings = parse_args([*BASE, '--modalities', 'FLAIR', 'T1w', 'FLAIR'])
    assert settings.modalities == ('T1w', 'FLAIR')
    assert parse_args(BASE).modalities == ('T1w',)


def test_a_sequence_file_becomes_part_of_the_settings(tmp_path):
    file = tmp_path / 'own.json'
    file.write_text('{"repetition_time": 2.0,\n "kind": "FSE", "echo_time": 0.1}')
    settings = parse_args([*BASE, '--target-sequence', str(file)])
    assert settings.target_sequence.value == Sequence('FSE', 2.0, 0.1)
    assert settings.target_sequence.name == 'stated'
    assert parse_args([*BASE, '--target-sequence', 'HF-T2w']).target_sequence.name == 'HF-T2w'
    before = settings.digest()
    file.write_text('{"repetition_time": 3.0, "kind": "FSE", "echo_time": 0.1}')
    assert parse_args([*BASE, '--target-sequence', str(file)]).digest() != before


def test_relaxation_values_are_read_from_tsv_and_json_alike(tmp_path):
    table, text = tmp_path / 'own.tsv', tmp_path / 'own.json'
    table.write_text('tissue\tfield_T\tT1_ms\tT2_ms\nWM\t0.064\t300\t\n')
    text.write_text('[{"tissue": "WM", "field_T": "0.064", "T1_ms": "300"}]')
    one, other = (parse_args([*BASE, '--relaxation', str(f)]).relaxation for f in (table, text))
    assert one == other
    assert [(m.tissue, m.quantity, m.field, m.value) for m in one.value] == [
        ('WM', 'T1', 0.064, pytest.approx(0.3))
    ]


def test_contrasts_are_numbers_whichever_way_they_are_written():
    one = parse_args([*BASE, '--target-contrast', 'WM-GM=.45', 'CSF-WM=-1.2'])
    other = parse_args([*BASE, '--target-contrast', 'WM-GM=0.450', 'WM-CSF=1.2'])
    assert one.target_contrast == {('WM', 'GM'): 0.45, ('WM', 'CSF'): 1.2}
    assert one == other
    assert one.digest() == other.digest() != parse_args(BASE).digest()


@pytest.mark.parametrize(
    ('args', 'changes'),
    [
        ('--skull-strip force', True),
        ('--tissue-prior template', True),
        ('--backbone wire', True),
        ('--output-resolution 0.4', True),
        ('--output-resolution 3', True),
        ('--output-resolution 1.0', False),
        ('--source-sequence ULF-T2w', True),
        ('--brain-mask masks', False),
        ('--nprocs 1 --mem 8G -w elsewhere', False),
    ],
)
def test_what_may_change_a_result_is_in_the_hash_of_the_settings(args, changes):
    assert (parse_args([*BASE, *args.split()]).digest() != parse_args(BASE).digest()) is changes


def test_where_a_reference_lies_does_not_matter_but_what_it_holds_does(tmp_path):
    here, there = (parse_args([*BASE, '--target-like', f'{d}/ref.nii']) for d in 'ab')
    assert here.digest() == there.digest()
    assert dataclasses.replace(here, target_like_digest='x').digest() != here.digest()
