"""The methods text of a run, made from its settings and scans."""

from ulfprep import __version__
from ulfprep.bids.read.decision import MEASURED, expected_of, keeps_another
from ulfprep.bids.read.highfield import why_not
from ulfprep.bids.task import Fusion, Task
from ulfprep.settings import WEIGHTINGS, Settings

OPENING = """\
Results were obtained with *ulfprep* {version}, which is built on *Nipype* [@nipype]. """
PLAN = """\
Tissue means and the noise standard deviation were measured in the scan ({source:g} T), and
target contrasts at {target:g} T were {how}; the contrast vector solves the
bounded least-squares system of both. """
CLOSING = """\
This software is for research use only."""
PREPARED = """\
The {kind} scan was reoriented to RAS+; it was resampled only where it had been interpolated to
finer voxels after acquisition, back to the acquired ones. {mask} {bias} """
BIAS = """\
Inside it the bias field was corrected by a local reference ({reference}, as far as it varies more
than anatomy makes it) followed by N4 [@n4] at its coarsest level."""
GIVEN_BIAS = """\
The bias field was that between the scan and an image that other software had corrected ({name}),
the smooth part of their ratio; where that ratio is not smooth it is measured by a local reference
({reference}) and N4 [@n4] instead, as the notes say."""
DEEPBET = 'A brain mask was made with *deepbet* [@deepbet] where the scan had its skull.'
OWN_MASK = "The user's own brain mask was brought onto the grid of the scan."
GIVEN_MASK = 'The brain mask of other software ({name}) was brought onto the grid of the scan.'
WHITE = 'the brightness of the brightest tenth of each 60 mm neighbourhood'
MIDDLE = 'the middle of the brightness of what is not CSF in each 60 mm neighbourhood'
TISSUES_FAST = """\
Tissues (CSF, GM, WM) were segmented with FSL FAST [@fast]. """
TISSUES_SYNTHSEG = """\
Structures were labelled at 1 mm with SynthSeg [@synthseg] (*mri_synthseg* of FreeSurfer) and
grouped into tissues (CSF, GM, WM), which were averaged over the voxels of the scan: where its
slices are thick, through a 1 mm lattice and the point-spread function. What the brain mask holds
beside them was taken for CSF. """
TISSUES_EMBEDDED = """\
Tissues (CSF, GM, WM) were segmented with a hidden Markov random field fitted by
expectation-maximisation [@fast], with a smooth bias field inside the model; scans with thick
slices were deconvolved for it to a 1 mm lattice with total variation [@tv], and the posteriors
averaged back through the point-spread function. """
TISSUES_T1W = """\
Every voxel was given shares of the tissues (CSF, GM, WM), mixtures of two included [@pvc], under
a hidden Markov random field [@fast]. Scans with thick slices were deconvolved for it to a 1 mm
lattice with total variation [@tv] and the shares averaged back through the point-spread function;
the signals of GM and WM were measured in homogeneous places and by that field with classes (GM
weakly tied to what relaxation times make of the sequence), that of CSF by least squares
through the point-spread function. In scans with small voxels the signals were those of a mixture
of three Gaussians. """
TISSUES_NETWORK = """\
Tissues (CSF, GM, WM) were segmented with a prior and the scan itself. The prior is that of a small
convolutional network, which was trained on scans that *ulfprep*'s own physics made of the label
maps of 14 heads [@synthseg] and has seen no image of anybody; it knows shapes, but no
intensities of this scan. Signals were measured by robust least squares of the scan on the tissues
that its voxels gather through the point-spread function, with what was left of the bias field,
and the shares are those that explain the scan without leaving the prior further than they must.
"""
TISSUES_GIVEN = """\
Tissues (CSF, GM, WM) were those of other software ({name}), averaged over the voxels of the scan:
where theirs are small and the scan's slices thick, through a 1 mm lattice and the point-spread
function. What the brain mask holds beside them was taken for CSF. """
TISSUES_PRIOR = """\
The prior probabilities of the tissues were those of the MNI152 template [@mni152], matched by an
affine of the most mutual information and mixed with a uniform prior. """
ENHANCED = """\
The image at the target field strength was estimated from the scan alone. Tissues and their signals
make an image at the scan's contrast; it is corrected by sums of Gaussians, further where the
tissues are in doubt, until the forward model (one contrast factor a tissue, point-spread
function, sampling) [@hulfsynth] reproduces the measured voxels down to their noise, and divided
by the contrast factor of its tissues. {network} It was rendered at {rendered}.
Its standard deviation adds up the variances of the tissues that a point may belong to, of noise
that passes a regularised linear inverse of the scan, and of the texture of a tissue; the share
of the first was chosen on simulated scans of two heads. Errors of mask, noise level and
contrast are not in it. The entropy of the tissue probabilities and a claim map (the
share of the energy of local detail that passes forward model and inverse, less that of noise)
are reported beside it, and the residual, in units of the noise, for every voxel. """
#: What is said of a network that corrects the image.
FITTED_NETWORK = (
    'An implicit neural representation of intensity and tissue probabilities in world coordinates '
    'corrects it through the same model, under Dice and cross-entropy to the tissue segmentation '
    'and total variation. '
)
NETWORKS = {
    'direct': 'No network is trained on the scan.',
    'lattice': FITTED_NETWORK
    + 'It is a small MLP of Gabor wavelets [@wire] over multi-resolution lattices of trained '
    'features.',
    'wire': FITTED_NETWORK
    + 'It is the published one: random Fourier features [@fourier] into five layers of 128 Gabor '
    'wavelets [@wire].',
}
SIMULATED = """\
A scan at the target field strength was simulated by the forward model: one contrast
factor a tissue, the point-spread function and sampling of an ultra-low-field acquisition,
and the magnitude of complex Gaussian noise. """
COMPARED = """\
The enhanced image was measured against a high-field image of the same person ({source}), which
was prepared as the scan was and registered to it rigidly, by the correlation of the brains; the
enhancement did not see it. """
FUSION = """\
{count} scans of the session ({kinds}) were each prepared by themselves. All but the
anchor ({anchor}) were registered to it rigidly, by the correlation of brains of one contrast
and the mutual information of those of two, and fitted in one field with it: the tissues are
shared, and so is the image among scans of one contrast. """
TOGETHER = """\
The tissues of the field are those of {which} scans at once, {how}. """
TOGETHER_HOW = {
    False: ('the T1-weighted', 'deconvolved together'),
    True: ('all', 'which the network of tissues saw together and the estimate explained together'),
}


def scan_methods(task: Task, settings: Settings) -> str:
    """Return the methods text of a scan by itself: one paragraph, ``[@key]`` cites."""
    made = _enhanced(settings) if task.direction == 'enhance' else SIMULATED
    if task.direction == 'enhance' and not why_not(task):
        made += COMPARED.format(source=task.highfield.source)
    return _paragraph(_opening(), _prepared(task, settings), _plan(task, settings), made, CLOSING)


def fusion_methods(fusion: Fusion, settings: Settings) -> str:
    """Return that of scans that are fitted in one field: every sentence once."""
    parts = []
    for task in fusion.members:
        parts += [_prepared(task, settings), _plan(task, settings)]
    kinds = [task.scan.suffix for task in fusion.members]
    counted = ', '.join(f'{kinds.count(k)} {WEIGHTINGS[k]}' for k in dict.fromkeys(kinds))
    fused = FUSION.format(count=len(kinds), kinds=counted, anchor=fusion.members[0].name)
    if at_once(fusion, settings):
        which, how = TOGETHER_HOW[settings.segmentation == 'network']
        fused += TOGETHER.format(which=which, how=how)
    enhanced = _enhanced(settings).replace('from the scan alone', 'from these scans alone')
    return _paragraph(_opening(), *dict.fromkeys(parts), fused, enhanced, CLOSING)


def at_once(fusion: Fusion, settings: Settings) -> list[int]:
    """Return which members are segmented together, by their places; empty if none are.

    The network takes every contrast; without it, it is that of T1w scans, which thick slices of
    different directions resolve together. A prior or another segmentation that was asked for goes
    before it.
    """
    network = settings.segmentation == 'network'
    first, members = fusion.contrasts[0], fusion.members
    same = [n for n, task in enumerate(members) if network or task.scan.suffix == first]
    asked = settings.segmentation in ('fast', 'synthseg') or settings.tissue_prior != 'none'
    asked |= any(task.given.tissues for task in members)
    possible = (network or first == 'T1w') and len(same) > 1
    return same if possible and not asked else []


def _paragraph(*parts: str) -> str:
    return ' '.join(' '.join(parts).split())


def _opening() -> str:
    return OPENING.format(version=__version__)


def _plan(task: Task, settings: Settings) -> str:
    """Return where contrasts come from."""
    if settings.target_like:
        how = f'those measured in a reference scan ({settings.target_like.name})'
    else:
        how = 'derived from relaxation times and the pulse sequence'
    if settings.target_contrast:
        stated = ', '.join(settings.to_dict()['target_contrast'])
        how += f', except those that were stated ({stated})'
    return PLAN.format(source=task.source_field, target=task.target_field, how=how)


def _prepared(task: Task, settings: Settings) -> str:
    """Return what was computed of a scan, and what was taken of other software."""
    given, scan = task.given, task.scan
    expected = expected_of(scan, settings)
    mask = DEEPBET
    if given.mask:
        mask = GIVEN_MASK.format(name=given.mask.name) if given.mask.sources else OWN_MASK
    reference = MIDDLE if expected[0] > max(expected[1:]) else WHITE
    bias = BIAS.format(reference=reference)
    if given.corrected:
        bias = GIVEN_BIAS.format(name=given.corrected.name, reference=reference)
    text = PREPARED.format(kind=WEIGHTINGS[scan.suffix], mask=mask, bias=bias)
    if given.tissues:
        return text + TISSUES_GIVEN.format(name=given.tissues.name)
    if settings.segmentation == 'fast':
        return text + TISSUES_FAST
    if settings.segmentation == 'synthseg':
        return text + TISSUES_SYNTHSEG
    if settings.segmentation == 'network':
        return text + TISSUES_NETWORK
    text += TISSUES_T1W if scan.suffix == 'T1w' else TISSUES_EMBEDDED
    return text + (TISSUES_PRIOR if settings.tissue_prior == 'template' else '')


def _enhanced(settings: Settings) -> str:
    """Return how the image was estimated."""
    rendered = f'{settings.output_resolution:g} mm'
    if keeps_another(settings):
        rendered += f', and at {MEASURED:g} mm for residual, metrics and figures'
    return ENHANCED.format(network=NETWORKS[settings.backbone], rendered=rendered)
