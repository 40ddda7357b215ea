"""Enhanced images of an output folder, averaged in the space of a template."""

from pathlib import Path

import numpy as np

from ulfprep.bids.files import write_json, write_nifti
from ulfprep.bids.store.outcomes import FINISHED, Outcome
from ulfprep.bids.templates import NoTemplateError, Template
from ulfprep.bids.write.derivatives import volume_paths
from ulfprep.physics.grid import Grid
from ulfprep.physics.labels import LABELS

#: What the images are, and their unit.
KINDS = {
    'mean': ('Mean of the enhanced images', '1'),
    'variance': ('Variance between the enhanced images', '1'),
    'count': ('Number of the enhanced images that reach a voxel', 'images'),
}
METHOD = (
    'Each enhanced image was divided by the mean of its own white matter and matched with the '
    'template by an affine of twelve parameters (Mattes mutual information of the two brains on a '
    '4 mm lattice), then sampled on the grid of the template between voxels on straight lines, '
    'inside its brain mask alone. An affine match aligns brains as wholes, not their folds: fine '
    'structure is blurred in the mean and raises the variance at the borders of tissues.'
)


def average_in(
    output_dir: Path, template: Template, modality: str, outcomes: list[Outcome]
) -> tuple[Path | None, list[tuple[str, str]]]:
    """Write mean, variance and count of the enhanced images of a modality.

    Parameters
    ----------
    output_dir : Path
        Results of the participant level.
    template : Template
    modality : str
    outcomes : list of Outcome
        What became of the scans, from :func:`ulfprep.bids.store.outcomes.find_outcomes`.

    Returns
    -------
    path : Path or None
        The mean; None without any enhanced image, and then nothing is written.
    left_out : list of (str, str)
        Scans that are not in the average, and why.

    Raises
    ------
    NoTemplateError
        If the files of the template cannot be read.
    """
    from ulfprep.segmentation.average import Average, onto_template

    found, left_out = enhanced_images(output_dir, modality, outcomes)
    if not found:
        return None, left_out
    brain, mask, target = _template(template)
    average, used = Average(target.shape), {}
    for name, record in found:
        try:
            image, inside, grid, path = _brain(output_dir, name, record)
            matrix = _match(image, inside, grid, brain, mask, target)
        except (OSError, EOFError, ValueError) as error:
            left_out.append((name, str(error)))
            continue
        average.add(*onto_template(image, inside, grid, matrix, target))
        used[name] = (record, f'bids::{path.relative_to(output_dir).as_posix()}', matrix)
    if not used:
        return None, left_out
    start = output_dir / f'group_space-{template.space}'
    volumes = {'mean': average.mean, 'variance': average.variance(), 'count': average.count}
    for kind, volume in volumes.items():
        path = start.with_name(f'{start.name}_desc-{kind}_{modality}.nii.gz')
        write_nifti(path, volume.astype(np.float32), target.affine)
        content = _sidecar(kind, template, modality, used, left_out)
        write_json(path.with_name(path.name.replace('.nii.gz', '.json')), content)
    return start.with_name(f'{start.name}_desc-mean_{modality}.nii.gz'), left_out


def enhanced_images(
    output_dir: Path, modality: str, outcomes: list[Outcome]
) -> tuple[list[tuple[str, dict]], list[tuple[str, str]]]:
    """Return name and QC record of the scans with an enhanced image, and those left out.

    A scan that shares its image with others (``--fuse``) has none of its own. One whose verdict
    is that it failed is left out.
    """
    found, left_out = [], []
    for one in outcomes:
        enhances = one.qc.get('direction') == 'enhance' and one.role != 'member'
        if one.status != FINISHED or one.modality != modality or not enhances:
            continue
        if (one.qc.get('verdict') or {}).get('level') == 'failed':
            left_out.append((one.name, 'its verdict is that it failed'))
        elif not _files(output_dir, one.name, one.qc)['enhanced'].is_file():
            left_out.append((one.name, 'its enhanced image is not there'))
        else:
            found.append((one.name, one.qc))
    return found, left_out


def _files(output_dir, name, record):
    """Return the files of a scan by what they are."""
    resolution = (record.get('settings') or {}).get('output_resolution') or 1.0
    return volume_paths(output_dir, name, resolution)


def _brain(output_dir, name, record):
    """Return an enhanced image in units of its white matter, its brain, grid and path."""
    files = _files(output_dir, name, record)
    image, grid = _read(files['enhanced'])
    labels, _ = _read(files['fine_tissues'])
    if labels.shape != image.shape or not (labels == LABELS['WM']).any():
        raise ValueError(f'{files["fine_tissues"].name} shows no white matter')
    level = float(image[labels == LABELS['WM']].mean(dtype=np.float64))
    if not level > 0:
        raise ValueError('the mean of its white matter is not above zero')
    return image / np.float32(level), labels > 0, grid, files['enhanced']


def _match(image, inside, grid, brain, mask, target):
    from ulfprep.segmentation.affine import affine_match

    try:
        return affine_match(image, inside, grid, brain, mask, target)
    except ValueError as error:
        # Its advice is about another flag.
        reason = str(error).partition(';')[0]
        raise ValueError(f'{reason}; look at its brain mask in its report') from error


def _template(template):
    """Return image, brain mask and grid of a template."""
    try:
        image, grid = _read(template.image)
        mask = image > 0 if template.mask is None else _read(template.mask)[0] > 0.5
    except (OSError, EOFError, ValueError) as error:
        raise NoTemplateError(f'{template.image}: cannot be read ({error}); mend it') from error
    if mask.shape != image.shape or not mask.any():
        raise NoTemplateError(
            f'{template.mask or template.image}: no brain mask of {template.image.name}; mend it'
        )
    return image, mask, grid


def _read(path):
    import nibabel as nib
    from nibabel.filebasedimages import ImageFileError

    try:
        file = nib.load(path)
        data = np.nan_to_num(np.asarray(file.dataobj, np.float32))
    except ImageFileError as error:
        raise ValueError(f'{path.name} cannot be read') from error
    data = data.reshape(data.shape[:3])
    return data, Grid(data.shape, np.asarray(file.affine, float))


def _sidecar(kind, template, modality, used, left_out):
    """Return what is to be said of one volume."""
    records = [record for record, *_ in used.values()]
    what, units = KINDS[kind]
    subjects = {record['entities']['subject'] for record in records}
    fields = {(record.get('contrast') or {}).get('target_field_T') for record in records}
    content = {
        'Description': f'{what} ({modality}), white matter of each image = 1.',
        'Sources': [source for _, source, _ in used.values()],
        'SpatialReference': f'{template.image.name} of TemplateFlow',
        'SkullStripped': True,
        'Units': units,
        'Method': METHOD,
        'NumberOfScans': len(used),
        'NumberOfParticipants': len(subjects),
        'TargetFields': sorted(field for field in fields if field is not None),
        'SettingsHashes': sorted({str(record.get('settings_hash')) for record in records}),
        # From the world of each image to that of the template, mm.
        'TransformsToTemplate': {source: matrix.tolist() for _, source, matrix in used.values()},
        'LeftOut': [{'Name': name, 'Reason': reason} for name, reason in left_out],
    }
    if kind == 'count':
        content['Description'] = f'{what} ({modality}).'
    if kind == 'variance':
        content['Description'] += (
            ' Zero where fewer than two images are.'
            if len(used) > 1
            else ' There is one image, so it is zero everywhere.'
        )
    return content
