"""The settings of one run: plain data that every room may read and none may change."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

#: Kinds of image that can be processed, by their BIDS suffix.
MODALITIES = ('T1w', 'T2w', 'FLAIR')
#: What they are called in sentences.
WEIGHTINGS = {'T1w': 'T1-weighted', 'T2w': 'T2-weighted', 'FLAIR': 'FLAIR'}
#: Networks that a field can be made of.
BACKBONES = ('direct', 'lattice', 'wire')

#: What ``--fuse`` may be told.
FUSIONS = ('none', 'runs', 'contrasts', 'all')

#: Settings that change how a run is carried out but never a voxel of its results.
NOT_IN_HASH = frozenset(
    {
        'bids_dir',
        'output_dir',
        'analysis_level',
        'participant_label',
        'session_label',
        'modalities',
        'nprocs',
        'omp_nthreads',
        'work_dir',
        'verbose',
        'brain_mask',  # its content is in the input digest of each scan
        'target_like',  # its digest is in the hash, wherever the file may lie
        'simulate_as_bids',
        'bids_filters',
        'bids_database_dir',
        'skip_bids_validation',
        'derivatives',  # what is taken of them is in the input digest of each scan
        'mem_gb',
        'use_plugin',
        'stop_on_first_crash',
        'force',
        'clean_workdir',
        'write_graph',
        'dry_run',
        'reports_only',
        'boilerplate_only',
        'reference',  # what is compared is in the input digest of each scan
        'interactive_report',
        'group_by',
        'output_spaces',
        'write_sbatch',
        'sbatch_args',
        'container_image',
        'node_local_work',
    }
)


@dataclass(frozen=True)
class Settings:
    """Everything a run was asked to do.

    Attributes
    ----------
    bids_dir, output_dir, work_dir : Path
        Input dataset, derivatives dataset, scratch folder.
    analysis_level : str
        ``participant`` or ``group``.
    participant_label, session_label : tuple of str
        Labels without ``sub-`` and ``ses-``; empty means all.
    target_field : float or None
        Field strength to synthesise, tesla. ``None`` chooses by the scan: 3 T for a
        scan under 0.3 T, 0.064 T for any other.
    source_field : float or None
        Field strength of the scans, tesla, in place of what their sidecars say.
    modalities : tuple of str
        Which of :data:`MODALITIES` to process.
    bids_filters : str
        Which scans by their entities, JSON text (:mod:`ulfprep.bids.read.filters`).
    bids_database_dir : Path or None
        Where pybids' index of the anatomical images is kept for later runs. One that is older
        than an ``anat`` folder that was asked for is made anew; sidecars are never in it.
    skip_bids_validation : bool
        Do not run the BIDS validator on the input.
    derivatives : tuple of Path
        Derivatives of other tools, whose masks, tissues and bias-corrected images are taken.
        What is taken is an input of the scan like its image.
    reference : str
        High-field image to measure enhanced scans against: ``none``, ``auto`` (one of the same
        participant and modality in the dataset) or the path of a NIfTI file. It changes no
        voxel of a result.
    interactive_report : bool
        Put a viewer of the volumes into the reports.
    group_by : str
        Column of participants.tsv by which the group level sorts scans into groups.
    output_spaces : tuple of str
        Template spaces in which the group level averages the enhanced images.
    fuse : str
        Which scans of a session are fitted in one field: ``none``, ``runs`` (those of one
        modality), ``contrasts`` (one of each modality) or ``all``.
    source_sequence : str
        Sequence of the scans, in place of what their sidecars say: name of a preset, or its
        timings as JSON text.
    target_sequence : str
        Sequence at the target: name of a preset, or its timings as JSON text; empty for
        the usual one of the modality.
    target_contrast : tuple of str
        Contrasts at the target as typed, such as ``WM-GM=0.45``.
    target_like : Path or None
        A scan whose tissue contrasts are the target.
    target_like_digest : str
        Hash of that scan and its sidecar.
    relaxation : str
        User's relaxation values as JSON text.
    acquired_resolution : tuple of float
        Voxel size at acquisition along the axes of the files, mm; empty to decide by scan.
    skull_strip : str
        ``auto`` (sidecar, else the image itself), ``force`` (every scan is a head) or ``skip``
        (every scan is stripped already).
    brain_mask : Path or None
        The user's own brain mask, or a folder of BIDS derivatives with one for each scan. It
        is an input of the scan like its image: a changed mask makes that scan run again.
    psf : str
        Kind of point-spread function: ``gaussian``, ``slice-profile`` or ``kspace``.
    likelihood : str
        Data term of the fit: ``mae`` or ``rician``.
    backbone : str
        Network of the fitted field, one of :data:`BACKBONES`.
    output_resolution : float
        Voxel size of the enhanced image, its tissues and maps, mm. The fit's lattice does not
        follow it.
    target_resolution : tuple of float
        Voxel size of simulated scans, mm.
    target_snr : float or None
        SNR of white matter in simulated scans; ``None`` for that of physics.
    n_realisations : int
        Noisy scans simulated of each scan.
    bias_strength, noise_fwhm : float
        Of simulated scans: s.d. of the logarithm of the receive field, and FWHM of the
        noise's correlation in mm.
    keep_head : bool
        Simulate the whole head, not the brain alone.
    simulate_as_bids : Path or None
        Where simulated scans are written as a raw BIDS dataset too.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    nprocs : int
        Processes (scans) and threads that may be used in all.
    omp_nthreads : int
        Threads one process may use.
    mem_gb : float or None
        Memory that may be used in all, GB of 2**30 bytes; ``None`` for what there is.
    use_plugin : Path or None
        Nipype plugin and its arguments, YAML.
    stop_on_first_crash : bool
        End the run when one scan fails, instead of going on with the others.
    force : bool
        Run finished scans again.
    clean_workdir : bool
        Empty the work folder of what earlier runs left, before the run.
    write_graph : bool
        Draw the workflow into the folder of the run's log.
    dry_run, reports_only, boilerplate_only : bool
        Say what would be done; write the reports again; write the methods text. Nothing else.
    write_sbatch : Path or None
        Write the jobs of a cluster into this folder, and compute nothing.
    sbatch_args : tuple of str
        Options of sbatch for these jobs.
    container_image : Path or None
        Image of Apptainer or Singularity that they run.
    node_local_work : bool
        Whether each of them works in its node's own temporary folder, for no work folder was
        named.
    random_seed : int
        Seed of every random number drawn.
    sloppy : bool
        Poor but fast settings, for trying things out and for tests.
    segmentation : str
        ``auto`` (``network``), ``network`` (trained on label maps), ``embedded`` (from the scan
        alone), ``fast`` (FSL FAST) or ``synthseg`` (of FreeSurfer).
    tissue_prior : str
        Of the embedded segmentation: ``none``, or ``template`` for that of the MNI152 template.
    verbose : int
        How often ``-v`` was given.
    """

    bids_dir: Path
    output_dir: Path
    analysis_level: str = 'participant'
    participant_label: tuple[str, ...] = ()
    session_label: tuple[str, ...] = ()
    target_field: float | None = None
    source_field: float | None = None
    modalities: tuple[str, ...] = ('T1w',)
    bids_filters: str = ''
    bids_database_dir: Path | None = None
    skip_bids_validation: bool = False
    derivatives: tuple[Path, ...] = ()
    reference: str = 'none'
    interactive_report: bool = False
    group_by: str = ''
    output_spaces: tuple[str, ...] = ()
    fuse: str = 'none'
    source_sequence: str = ''
    target_sequence: str = ''
    target_contrast: tuple[str, ...] = ()
    target_like: Path | None = None
    target_like_digest: str = ''
    relaxation: str = ''
    acquired_resolution: tuple[float, ...] = ()
    skull_strip: str = 'auto'
    brain_mask: Path | None = None
    psf: str = 'gaussian'
    likelihood: str = 'rician'
    backbone: str = 'direct'
    output_resolution: float = 1.0
    target_resolution: tuple[float, ...] = (1.6, 1.6, 5.0)
    target_snr: float | None = None
    n_realisations: int = 1
    bias_strength: float = 0.0
    noise_fwhm: float = 0.0
    keep_head: bool = False
    simulate_as_bids: Path | None = None
    device: str = 'auto'
    nprocs: int = 1
    omp_nthreads: int = 1
    mem_gb: float | None = None
    use_plugin: Path | None = None
    stop_on_first_crash: bool = False
    force: bool = False
    clean_workdir: bool = False
    write_graph: bool = False
    dry_run: bool = False
    reports_only: bool = False
    boilerplate_only: bool = False
    write_sbatch: Path | None = None
    sbatch_args: tuple[str, ...] = ()
    container_image: Path | None = None
    node_local_work: bool = False
    work_dir: Path = Path('work')
    random_seed: int = 20250101
    sloppy: bool = False
    segmentation: str = 'auto'
    tissue_prior: str = 'none'
    verbose: int = 0

    def to_dict(self) -> dict:
        """Return the settings as JSON- and TOML-ready values (``None`` left out)."""
        out = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None:
                continue
            if isinstance(value, tuple):
                value = [str(v) if isinstance(v, Path) else v for v in value]
            out[field.name] = str(value) if isinstance(value, Path) else value
        return out

    def to_toml(self, without: frozenset[str] = frozenset()) -> str:
        """Return the settings as a TOML document, which ``--config-file`` reads back.

        Parameters
        ----------
        without : frozenset of str
            Settings to leave out.
        """
        # Every value is a string, number, bool or list of those, and for those the
        # JSON spelling is TOML's too.
        lines = [
            f'{key} = {json.dumps(value, ensure_ascii=False)}'
            for key, value in self.to_dict().items()
            if key not in without
        ]
        return '\n'.join(lines) + '\n'

    def of_another_scanner(self) -> 'Settings':
        """Return the settings for an image that the scans are held against.

        What was said of how the scans were acquired is not said of that one.
        """
        return dataclasses.replace(
            self, skull_strip='auto', acquired_resolution=(), source_field=None, source_sequence=''
        )

    def digest(self) -> str:
        """Return a short hash of the settings that can change a result."""
        relevant = {k: v for k, v in self.to_dict().items() if k not in NOT_IN_HASH}
        return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()[:12]
