"""What the viewer of a scan shows: its images and maps, packed, with their units."""

import re
import zlib
from typing import NamedTuple

import numpy as np

from ulfprep.bids.write.dataset import LOOKUP
from ulfprep.bids.write.derivatives import volume_paths
from ulfprep.reports.drawing.style import TISSUE_LABELS
from ulfprep.reports.drawing.volumes import bounding_box, place
from ulfprep.reports.viewer import embed

#: How much of the head is shown around the brain, mm.
AROUND = 12.0
#: The residual is shown up to this, noise standard deviations.
MOST_RESIDUAL = 5.0
COLOURS = 17


class Source(NamedTuple):
    """A file and how it is shown; ``labels`` lies on the same grid and says where the brain is."""

    key: str
    name: str
    kind: str
    path: object
    labels: object
    unit: str = ''


def find_layers(output_dir, scan, image_mm=1.0, map_mm=2.0):
    """Return the images and maps of a scan, ready for its page.

    Parameters
    ----------
    output_dir : Path
    scan : Outcome
        With its QC record.
    image_mm, map_mm : float
        Finest voxels of images and labels, and of maps; finer ones are averaged.

    Returns
    -------
    layers : list of dict
        ``key``, ``name``, ``kind`` (``image``, ``map`` or ``labels``), ``unit``, ``data``,
        ``low`` and ``high`` of its window, ``zero`` and ``step`` (code 0 stands for the one, and
        a code more for the other more), ``colours``, ``voxels`` in words.
        Images come first; empty without any image.
    left_out : list of str
        Files that are there and cannot be read, and why.
    """
    from nibabel.filebasedimages import ImageFileError

    layers, left_out, white = [], [], {}
    sources = [source for source in _sources(output_dir, scan) if source.path.is_file()]
    for source in sources:
        try:
            layers.append(_layer(source, white, map_mm if source.kind == 'map' else image_mm))
        except (ImageFileError, OSError, EOFError, ValueError, zlib.error) as error:
            # Tissues that cannot be read cost the maps on their grid too.
            left_out.append(f'{source.name} ({source.path.name}: {_short(error)})')
    if not any(layer['kind'] == 'image' for layer in layers):
        return [], left_out
    return layers, left_out


def _short(error):
    """Return what went wrong without the folder, which says nothing on another machine."""
    return re.sub(r'\S*/', '', str(error)) or type(error).__name__


def _sources(output_dir, scan):
    """Return what there may be of a scan, in the order of the page."""
    millimetres = scan.record.settings.get('output_resolution', 1.0)
    files = volume_paths(output_dir, scan.name, millimetres)
    tissues, fine = files['tissues'], files['fine_tissues']
    if scan.record.direction == 'simulate':
        return [
            Source('preproc', 'Source scan', 'image', files['preproc'], tissues),
            Source('simulated', 'Simulated scan', 'image', files['simulated'], None),
            Source('tissues', 'Tissues', 'labels', tissues, None),
        ]
    share, percent = 'share of the local detail', '% of the white-matter mean'
    noise = 'noise standard deviations'
    return [
        Source('enhanced', 'Enhanced image', 'image', files['enhanced'], fine),
        Source('preproc', 'Scan', 'image', files['preproc'], tissues),
        Source('claim', 'Claim', 'map', files['claim'], fine, share),
        Source('uncertainty', 'Uncertainty', 'map', files['uncertainty'], fine, percent),
        Source('residual', 'Residual', 'map', files['residual'], tissues, noise),
        Source('tissues', 'Tissues', 'labels', fine if fine.is_file() else tissues, None),
    ]


def _layer(source, white, finest):
    """Return one layer; ``white`` keeps the white-matter mean of the images by their key."""
    volume, directions = _read(source.path)
    labels = None
    if source.labels is not None and source.labels.is_file():
        labels = _read(source.labels)[0]
    if labels is None or labels.data.shape != volume.data.shape:
        labels = volume._replace(data=volume.data > 0)
    box = bounding_box(labels, margin=AROUND if source.kind == 'image' else 2.0)
    volume, labels = embed.cropped(volume, box), embed.cropped(labels, box)
    make = {'image': _image, 'map': _map, 'labels': _labels}[source.kind]
    volume, codes, slope, intercept, look = make(source, volume, labels, white, finest)
    labelled = source.kind == 'labels'
    top = round((look['high'] - intercept) / slope)
    size = ' \u00d7 '.join(f'{z:.2g}' for z in volume.zooms)
    return {
        'key': source.key,
        'name': source.name,
        'kind': source.kind,
        'unit': source.unit,
        'step': slope,
        'zero': intercept,
        'foretold': not labelled,
        'voxels': f'{size} mm',
        **look,
        'data': embed.packed(codes, _affine(volume, directions), top, foretold=not labelled),
    }


def _image(source, volume, labels, white, finest):
    """An image in grey, from zero to a quarter above its own white matter, as in the figures."""
    brain = labels.data > 0
    level = float(volume.data[labels.data == TISSUE_LABELS['WM']].mean()) if _white(labels) else 0
    bright = float(np.percentile(volume.data[brain], 99.8)) if brain.any() else 0.0
    high = max(1.25 * level, bright) or float(volume.data.max()) or 1.0
    white[source.key] = level
    volume, _ = embed.coarser(volume, np.ones(volume.data.shape, bool), finest)
    codes, slope, intercept = embed.quantised(volume.data, 0.0, high)
    return volume, codes, slope, intercept, {'low': 0.0, 'high': high, 'colours': []}


def _white(labels):
    return bool((labels.data == TISSUE_LABELS['WM']).any())


def _map(source, volume, labels, white, finest):
    """A map inside the brain, in the colours and the unit of its figure."""
    inside = labels.data > 0
    low, high, colours = 0.0, 1.0, 'viridis'
    if source.key == 'uncertainty':
        level = white.get('enhanced') or 0.0
        volume = volume._replace(data=volume.data * (100.0 / level if level else 1.0))
        high = float(np.percentile(volume.data[inside], 99)) if inside.any() else 1.0
    elif source.key == 'residual':
        # Exact zeros were not compared: their PSF reaches out of the brain.
        inside = inside & (volume.data != 0)
        low, high, colours = -MOST_RESIDUAL, MOST_RESIDUAL, 'RdBu_r'
    volume, inside = embed.coarser(volume, inside, finest)
    codes, slope, intercept = embed.quantised(volume.data, low, high or 1.0, inside)
    look = {'low': low, 'high': high or 1.0, 'colours': _colours(colours)}
    return volume, codes, slope, intercept, look


def _labels(_source, volume, _labels, _white, finest):
    """The tissues, in the colours that they have everywhere."""
    volume = embed.thinned(volume, finest)
    names = [name for _, _, name, _ in sorted(LOOKUP)]
    look = {
        'low': 0,
        'high': len(names) - 1,
        'names': names,
        'colours': [colour for *_, colour in sorted(LOOKUP)],
    }
    return volume, volume.data.astype(np.uint8), 1.0, 0.0, look


def _read(path):
    """Return a file as a volume in RAS order, and the directions of its axes."""
    import nibabel as nib

    image = nib.as_closest_canonical(nib.load(path))
    data = np.nan_to_num(np.asarray(image.dataobj, dtype=np.float32))
    affine = np.asarray(image.affine, float)
    volume = place(data.reshape(data.shape[:3]), affine)
    return volume, affine[:3, :3] / volume.zooms


def _affine(volume, directions):
    """Return the affine of a volume whose axes have the given directions."""
    affine = np.eye(4)
    affine[:3, :3] = directions * volume.zooms
    affine[:3, 3] = directions @ (volume.low + volume.zooms / 2)
    return affine


def _colours(name):
    """Return a colour map of the figures as HTML colours."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colour) for colour in colormaps[name](np.linspace(0, 1, COLOURS))]
