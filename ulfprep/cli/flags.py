"""The flags: what each means and how its value is written. Names, types, choices and defaults are
those of the fields of :class:`ulfprep.settings.Settings`.
"""

import argparse
import dataclasses
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from ulfprep.cli import values
from ulfprep.settings import Settings

#: Group of flags -> setting (or a flag without one) -> help.
HELP = {
    'which scans': {
        'participant_label': 'only these participants, with or without sub- (default: all)',
        'session_label': 'only these sessions, with or without ses- (default: all)',
        'modalities': 'which images: T1w, T2w, FLAIR (default: T1w)',
        'bids_filters': 'only scans with these entities: {"T1w": {"session": "A", "acquisition": '
        'null, "run": "*"}}; null: without the entity, "*": with any value of it',
        'fuse': 'fit several scans of a session in one field (to enhance them): runs: those of a '
        'modality into one image; contrasts: one scan of each of the --modalities, an image for '
        'each; all: both (default: %(default)s)',
    },
    'what else is read': {
        'derivatives': 'derivatives of fMRIPrep, sMRIPrep or FreeSurfer, whose brain masks, '
        'tissues and bias correction are used; of several folders the first goes first',
        'reference': 'measure enhanced scans against a high-field image of the same person, '
        'registered rigidly: auto finds one of the same modality in the dataset, FILE is for one '
        'participant; images stay the same, more metrics are written (default: none)',
        'bids_database_dir': "keep pybids' index of the dataset in this folder, which is for "
        'ulfprep alone; it is made again when an anat folder that is needed has changed',
        'skip_bids_validation': 'do not run the BIDS validator on the input where it is installed',
    },
    'target: what to synthesise': {
        'target_field': 'field strength to synthesise (default: 3 for scans under 0.3 T, 0.064 '
        "for all others); higher than the scan's own: enhance, lower: simulate",
        'source_sequence': 'sequence of the scans, used instead of what their sidecars say; '
        'written as for --target-sequence; for one modality at a time',
        'target_sequence': 'sequence at the target: HF-T1w (MPRAGE), HF-T1w-SPGR, HF-T1w-SE, '
        'HF-T2w, HF-FLAIR, ULF-T1w, ULF-T2w, ULF-FLAIR, or a JSON file with kind, '
        'repetition_time, echo_time ... in seconds (default: by modality and field)',
        'target_like': 'use the tissue contrasts of this scan (NIfTI, with its sidecar beside it)',
        'target_contrast': 'contrasts 2(a-b)/(a+b) at the target, such as WM-GM=0.45 WM-CSF=1.2; '
        'those not given are calculated from relaxation times',
        'output_resolution': 'voxel size of the enhanced image, its tissues and maps; the fit '
        'stays at 1 mm (default: 1)',
        'relaxation': 'your own relaxation values, used before the built-in ones: JSON list or '
        'TSV with the columns tissue, field_T, T1_ms, T2_ms, PD',
    },
    'scan: what is known of it': {
        'source_field': 'field strength of the scans, used instead of what their sidecars say',
        'acquired_resolution': 'voxel size at acquisition along the axes of the file, for scans '
        'that were resampled later (default: from sidecar, spectrum and header; see the report)',
        'skull_strip': 'auto: as the sidecar (SkullStripped) or the image says; force: every scan '
        'is a head; skip: every scan is stripped already (default: %(default)s)',
        'brain_mask': 'your own brain mask on any grid in the world coordinates of the scan: a '
        'file for one scan, or a folder of BIDS derivatives with a *_desc-brain_mask for each',
        'psf': 'point-spread function; its width is the size of the acquired voxels '
        '(default: %(default)s)',
    },
    'simulation (targets below the field of the scan)': {
        'target_resolution': 'voxel size of the simulated scan (default: 1.6 1.6 5)',
        'target_snr': 'white-matter SNR (default: 14 at 64 mT and 1.6 x 1.6 x 5 mm; otherwise '
        'calculated from field and voxel size)',
        'n_realisations': 'number of noisy scans to make of each scan (default: %(default)s)',
        'bias_strength': 's.d. of the logarithm of a smooth receive field (default: none)',
        'noise_fwhm': 'correlate the noise over this width (default: white noise)',
        'keep_head': 'simulate the whole head; what is not brain keeps its intensity',
        'simulate_as_bids': 'also write the simulated scans as a raw BIDS dataset',
    },
    'how to compute': {
        'segmentation': 'of tissues: network (from scan and anatomy as a network learned it from '
        'label maps), embedded (from the scan alone), fast (FSL FAST), synthseg (FreeSurfer); '
        'auto is network, or embedded with a --tissue-prior (default: auto)',
        'tissue_prior': 'prior probabilities of the tissues in the embedded segmentation: none, '
        'or those of the MNI152 template, matched affinely (default: %(default)s)',
        'likelihood': 'how a fitted network weighs its distance to the scan: mean absolute error, '
        'or the Rician likelihood of magnitudes (default: %(default)s)',
        'backbone': 'what the image is made of: the estimate in closed form (direct), or, for '
        'comparison, a network fitted to the scan from there: feature lattices and Gabor MLP '
        '(lattice), or Fourier features and Gabor MLP of HULFSynth (wire) (default: %(default)s)',
        'random_seed': 'same seed, same bytes on the same machine (default: %(default)s)',
        'sloppy': 'poor but fast: to try an installation, never for results',
    },
    'machine': {
        'device': 'where to fit; auto uses a GPU if there is one (default: auto)',
        'nprocs': 'CPUs to use in all (default: all that this process may use)',
        'omp_nthreads': 'CPUs that one scan may use; nprocs divided by it are as many scans at a '
        'time (default: nprocs, at most 8)',
        # Before mem_gb, whose flag is the one by which a stored setting is given again.
        'mem_mb': 'as --mem; a number alone is MB, as in fMRIPrep',
        'mem_gb': 'memory to use in all: 8G, 8000M, 1.5GB; a number alone is GB of 2**30 bytes '
        '(default: nine tenths of what this process may use)',
        'work_dir': 'folder for intermediate files (default: ./work)',
        'use_plugin': 'run the steps with this Nipype plugin: YAML with plugin and plugin_args',
    },
    'the run': {
        'config_file': 'settings of an earlier run (logs/*/settings.toml); flags on the command '
        'line replace them, and the folders and the level need not be given again',
        'force': 'run scans again that are finished with the same settings and input',
        'stop_on_first_crash': 'end the run when a scan fails (default: go on with the others)',
        'clean_workdir': 'first remove what earlier runs of ulfprep left in the work folder',
        'write_graph': "draw the workflow into the folder of the run's log",
        'interactive_report': 'put a viewer of the volumes, some megabytes, into each report',
        'dry_run': 'only list the scans and what would be done with each; nothing is written',
        'reports_only': 'only write the reports again, from what the output folder holds',
        'boilerplate_only': 'only write the methods text and its references',
        'write_sbatch': 'only write the jobs for a SLURM cluster into this folder: an array of a '
        'task a participant, the group level, and submit.sh, which submits what is not done',
        'notrack': 'accepted because other BIDS Apps have it; nothing is ever tracked',
    },
    'a cluster': {
        'sbatch_args': 'with --write-sbatch: an option of sbatch, such as '
        '--sbatch-arg=--partition=long; may be repeated, and replaces what ulfprep chose',
        'container_image': 'with --write-sbatch: tasks run this image with Apptainer or '
        'Singularity (default: the image that ulfprep runs in, if any)',
    },
    'group level': {
        'group_by': 'compare groups, by this column of participants.tsv, such as sex or site',
    },
}
#: What the type of a setting does not say: flags of another name, converters, names of values.
SPECIAL: dict[str, dict[str, Any]] = {
    'participant_label': {'type': values.label('sub-'), 'metavar': 'LABEL'},
    'session_label': {
        'flags': ('--session-label', '--session-id'),
        'type': values.label('ses-'),
        'metavar': 'LABEL',
    },
    'modalities': {'flags': ('-m', '--modalities'), 'metavar': 'SUFFIX'},
    'bids_filters': {
        'flags': ('--bids-filter-file',), 'type': values.filters, 'metavar': 'FILE.json',
    },
    'derivatives': {
        'flags': ('-d', '--derivatives'), 'type': values.named_path, 'metavar': '[NAME=]DIR',
    },
    'reference': {'type': values.reference, 'metavar': 'auto|FILE'},
    'skip_bids_validation': {'flags': ('--skip-bids-validation', '--skip-bids-validator')},
    'target_field': {'type': values.field_strength, 'metavar': 'TESLA'},
    'source_sequence': {'type': values.sequence, 'metavar': 'NAME|FILE.json'},
    'target_sequence': {'type': values.sequence, 'metavar': 'NAME|FILE.json'},
    'target_like': {'metavar': 'FILE'},
    'target_contrast': {'nargs': '+', 'metavar': 'A-B=C'},
    'output_resolution': {'type': values.output_resolution, 'metavar': 'MM'},
    'relaxation': {'type': values.relaxation, 'metavar': 'FILE'},
    'source_field': {'type': values.field_strength, 'metavar': 'TESLA'},
    'acquired_resolution': {'nargs': 3, 'type': values.length, 'metavar': 'MM'},
    'brain_mask': {'metavar': 'FILE|DIR'},
    'target_resolution': {'nargs': 3, 'type': values.length, 'metavar': 'MM'},
    'target_snr': {'type': values.positive, 'metavar': 'SNR'},
    'n_realisations': {'type': values.count, 'metavar': 'K'},
    'bias_strength': {'type': values.bias_strength, 'metavar': 'SD'},
    'noise_fwhm': {'type': values.noise_fwhm, 'metavar': 'MM'},
    'random_seed': {'type': values.seed, 'metavar': 'N'},
    'device': {'type': values.device, 'metavar': 'auto|cpu|cuda[:N]'},
    'nprocs': {
        'flags': ('--nprocs', '--nthreads', '--n-cpus'),
        'type': values.count, 'metavar': 'N', 'default': None,
    },
    'omp_nthreads': {'type': values.count, 'metavar': 'N', 'default': None},
    'mem_mb': {'dest': 'mem_gb', 'type': values.memory_mb, 'metavar': 'SIZE'},
    'mem_gb': {'flags': ('--mem', '--mem-gb'), 'type': values.memory, 'metavar': 'SIZE'},
    'work_dir': {'flags': ('-w', '--work-dir'), 'default': None},
    'use_plugin': {'metavar': 'FILE.yml'},
    'config_file': {'type': Path, 'metavar': 'FILE.toml'},
    'boilerplate_only': {'flags': ('--boilerplate-only', '--boilerplate')},
    'notrack': {'action': 'store_true'},
    'sbatch_args': {
        'flags': ('--sbatch-arg',), 'type': values.sbatch_argument, 'metavar': 'ARG',
        'action': 'append', 'nargs': None, 'default': [],
    },
    'container_image': {'metavar': 'FILE.sif'},
    'group_by': {'metavar': 'COLUMN'},
}  # fmt: skip
#: What is done instead of a run.
INSTEAD = ('dry_run', 'reports_only', 'boilerplate_only', 'write_sbatch')
#: Flags of which one command line may hold one.
EXCLUSIVE = (('target_sequence', 'target_like'), INSTEAD)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add all flags, in groups."""
    fields = {field.name: field for field in dataclasses.fields(Settings)}
    for title, helps in HELP.items():
        group = parser.add_argument_group(title)
        places = dict.fromkeys(helps, group)
        for names in EXCLUSIVE:
            if names[0] in helps:
                places |= dict.fromkeys(names, group.add_mutually_exclusive_group())
        for name, text in helps.items():
            options = _options(fields[name]) if name in fields else {}
            options |= {'dest': name, 'help': text} | SPECIAL.get(name, {})
            flags = options.pop('flags', (f'--{name.replace("_", "-")}',))
            places[name].add_argument(*flags, **options)


def _options(field: dataclasses.Field) -> dict[str, Any]:
    """Return what the type and the default of a setting say to argparse."""
    kind = field.type
    if kind is bool:
        return {'action': 'store_true'}
    options: dict[str, Any] = {'default': field.default}
    if field.default is dataclasses.MISSING:
        options['default'] = {}
    if get_origin(kind) is tuple:
        options['nargs'] = '+'
        kind = get_args(kind)[0]
    if get_origin(kind) is Literal:
        options['choices'] = get_args(kind)
    elif Path in (kind, *get_args(kind)):
        options |= {'type': Path, 'metavar': 'DIR'}
    return options
