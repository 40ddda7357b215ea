"""Flags that say which scans, from what, on what machine and how a run goes."""

from pathlib import Path

from ulfprep.cli import values
from ulfprep.settings import FUSIONS, MODALITIES, Settings


def add_selection(group) -> None:
    """Add what selects scans."""
    group.add_argument(
        '--participant-label',
        nargs='+',
        type=values.label('sub-'),
        default=[],
        metavar='LABEL',
        help='only these participants, with or without sub- (default: all)',
    )
    group.add_argument(
        '--session-label',
        '--session-id',
        nargs='+',
        type=values.label('ses-'),
        default=[],
        metavar='LABEL',
        help='only these sessions, with or without ses- (default: all)',
    )
    group.add_argument(
        '-m',
        '--modalities',
        nargs='+',
        choices=MODALITIES,
        default=['T1w'],
        metavar='SUFFIX',
        help=f'which images: {", ".join(MODALITIES)} (default: T1w)',
    )
    group.add_argument(
        '--bids-filter-file',
        dest='bids_filters',
        type=values.filters,
        default='',
        metavar='FILE.json',
        help='only scans with these entities: {"T1w": {"session": "A", "acquisition": null, '
        '"run": "*"}}; null: without the entity, "*": with it, whatever it is',
    )
    add_fusion(group)


def add_fusion(group) -> None:
    """Add which scans share one field."""
    group.add_argument(
        '--fuse',
        choices=FUSIONS,
        default=Settings.fuse,
        help='fit several scans of a session in one field (targets above the field of the scans): '
        'runs: those of one modality, such as axial, coronal and sagittal ones, into one image; '
        'contrasts: one scan of each of the --modalities, an image each; all: both '
        '(default: %(default)s)',
    )


def add_inputs(group) -> None:
    """Add what is read beside the scans, and how the dataset is."""
    group.add_argument(
        '-d',
        '--derivatives',
        nargs='+',
        type=values.named_path,
        default=[],
        metavar='[NAME=]DIR',
        help='derivatives of fMRIPrep, sMRIPrep or FreeSurfer whose brain masks, tissues and bias '
        'correction are taken where a scan has them; the first folder goes first',
    )
    group.add_argument(
        '--reference',
        type=values.reference,
        default=Settings.reference,
        metavar='auto|FILE',
        help='measure enhanced scans against a high-field image of the same person, registered '
        'rigidly: auto takes one of the same modality from the dataset where there is one, FILE '
        'is for one participant; results stay the same, more metrics are written (default: none)',
    )
    group.add_argument(
        '--bids-database-dir',
        type=Path,
        metavar='DIR',
        help="keep pybids' index of the dataset there for later runs; it is made anew when an "
        'anat folder that was asked for has changed. Give it a folder of its own: only anatomical '
        'images are in it, so other BIDS Apps would miss theirs',
    )
    group.add_argument(
        '--skip-bids-validation',
        '--skip-bids-validator',
        action='store_true',
        help='do not run the BIDS validator on the input (it is run where it is installed)',
    )


def add_machine(group) -> None:
    """Add what the machine is to give."""
    group.add_argument(
        '--device',
        type=values.device,
        default='auto',
        metavar='auto|cpu|cuda[:N]',
        help='where to fit; auto takes a GPU where there is one (default: auto)',
    )
    group.add_argument(
        '--nprocs',
        '--nthreads',
        '--n-cpus',
        type=values.count,
        metavar='N',
        help='CPUs to use in all (default: all this process may use)',
    )
    group.add_argument(
        '--omp-nthreads',
        type=values.count,
        metavar='N',
        help='CPUs one scan may use; nprocs divided by it is the number of scans at a time '
        '(default: nprocs, at most 8)',
    )
    # Before --mem, which is how the settings of an earlier run are said again.
    group.add_argument(
        '--mem-mb',
        dest='mem_gb',
        type=values.memory_mb,
        metavar='SIZE',
        help='as --mem; a number alone is MB, as fMRIPrep takes it',
    )
    group.add_argument(
        '--mem',
        '--mem-gb',
        dest='mem_gb',
        type=values.memory,
        metavar='SIZE',
        help='memory to use in all: 8G, 8000M, 1.5GB; a number alone is GB of 2**30 bytes '
        '(default: nine tenths of what this process may use)',
    )
    group.add_argument(
        '-w',
        '--work-dir',
        type=Path,
        metavar='DIR',
        help='folder for intermediate files (default: ./work)',
    )
    group.add_argument(
        '--use-plugin',
        type=Path,
        metavar='FILE.yml',
        help='run the steps by this plugin of Nipype: YAML with plugin and plugin_args',
    )


def add_run(group) -> None:
    """Add how a run goes, and what it is to do instead."""
    group.add_argument(
        '--config-file',
        type=Path,
        metavar='FILE.toml',
        help='settings of an earlier run (logs/*/settings.toml); flags given beside it go first, '
        'and the folders and the level need not be given again',
    )
    group.add_argument(
        '--force',
        action='store_true',
        help='run finished scans again (they are skipped where settings and input are the same)',
    )
    group.add_argument(
        '--stop-on-first-crash',
        action='store_true',
        help='end the run when a scan fails (default: go on with the others)',
    )
    group.add_argument(
        '--clean-workdir',
        action='store_true',
        help='first remove the folders in the work folder that earlier runs made and marked',
    )
    group.add_argument(
        '--write-graph',
        action='store_true',
        help="draw the workflow into the folder of the run's log",
    )
    group.add_argument(
        '--interactive-report',
        action='store_true',
        help='put a viewer of the volumes into the reports (each grows by some megabytes)',
    )
    only = group.add_mutually_exclusive_group()
    only.add_argument(
        '--dry-run',
        action='store_true',
        help='only list the scans and what would be done with each; nothing is written',
    )
    only.add_argument(
        '--reports-only',
        action='store_true',
        help='only write the reports again, from what the output folder holds',
    )
    only.add_argument(
        '--boilerplate-only',
        '--boilerplate',
        action='store_true',
        help='only write the methods text and its references',
    )
    only.add_argument(
        '--write-sbatch',
        type=Path,
        metavar='DIR',
        help='only write the jobs of a SLURM cluster there: an array with one participant a task, '
        'the group level after it, and submit.sh, which submits what is not done yet',
    )
    group.add_argument(
        '--notrack',
        action='store_true',
        help='accepted for what calls other BIDS Apps too; nothing is ever tracked',
    )


def add_cluster(group) -> None:
    """Add what the jobs of --write-sbatch are like."""
    group.add_argument(
        '--sbatch-arg',
        dest='sbatch_args',
        action='append',
        type=values.sbatch_argument,
        default=[],
        metavar='ARG',
        help='with --write-sbatch: an option of sbatch, such as --sbatch-arg=--partition=long; '
        'may be repeated, and goes before what is worked out from the scans',
    )
    group.add_argument(
        '--container-image',
        type=Path,
        metavar='FILE.sif',
        help='with --write-sbatch: tasks run this image by Apptainer or Singularity (default: '
        'the image that ulfprep runs in, if any)',
    )


def add_group(group) -> None:
    """Add what only the group level needs."""
    group.add_argument(
        '--group-by',
        default=Settings.group_by,
        metavar='COLUMN',
        help='tell groups apart by this column of participants.tsv, such as sex or site',
    )
