"""The interactive viewer of a scan's volumes, inside its report."""

import base64
import json
import re
import zlib
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from ulfprep.bids.write.dataset import LOOKUP
from ulfprep.bids.write.derivatives import volume_paths
from ulfprep.reports.drawing.style import TISSUE_LABELS
from ulfprep.reports.drawing.volumes import (
    bounding_box,
    coarser,
    cropped,
    load,
    load_oriented,
    thinned,
)
from ulfprep.reports.pages import MOST_BYTES, render
from ulfprep.reports.scan_page import label_of

#: Left for what is written after the viewers, bytes.
SPARE = 100_000
#: Finest voxels of images and of maps (mm; maps vary over several millimetres), and those where
#: the page would grow too large.
FINE, COARSE = (1.0, 2.0), (2.0, 3.0)
#: How much of the head is shown around the brain, mm.
AROUND = 12.0
#: The residual is shown up to this, noise standard deviations.
MOST_RESIDUAL = 5.0
COLOURS = 17
#: Steps between the lowest and the highest value that are told apart.
STEPS = 100
#: Code of a voxel of a map that holds no value.
OUTSIDE = 0


class Source(NamedTuple):
    """A file and how it is shown; ``labels`` lies on the same grid and says where the brain is."""

    key: str
    name: str
    kind: str
    path: Path
    labels: Path | None = None
    unit: str = ''


def viewers(output_dir, scans, size):
    """Return name of the scan -> viewer, for as many as fit into a page of so many bytes.

    A viewer is coarser where its share of the room asks for it, or says that there is no room.
    The first one brings the library with it.
    """
    room, library = MOST_BYTES - SPARE - size, True
    found = {}
    for number, scan in enumerate(scans):
        html = viewer_html(output_dir, scan, library=library)
        if len(html.encode()) > room / (len(scans) - number):
            html = viewer_html(output_dir, scan, library=library, detail=COARSE)
        if len(html.encode()) > room:
            html = viewer_html(output_dir, scan, too_large=True)
        elif 'class="volumes"' in html:
            library = False
        room -= len(html.encode())
        if html:
            found[scan.name] = html
    return found


def viewer_html(output_dir, scan, *, library=True, detail=FINE, too_large=False):
    """Return the viewer of one scan as HTML, which a page needs once with the library.

    It is empty where the scan has not finished; ``detail``: finest voxels of images and maps, mm.
    """
    if not scan.record:
        return Markup()
    found = ([], []) if too_large else find_layers(Path(output_dir), scan, *detail)
    layers, left_out = found
    html = render(
        'viewer.html',
        layers=layers,
        left_out=left_out,
        library=niivue() if library and layers else '',
        too_large=too_large,
        identity=f'volumes-{scan.name}',
        label=label_of(scan),
        # Nothing in it can end the element that holds it.
        content=Markup(json.dumps(layers).replace('<', '\\u003c')),
    )
    return Markup(html)


def niivue():
    """Return the library as it stands in a page: gzip, base64."""
    content = files('ulfprep.data').joinpath('niivue', 'niivue.umd.js.gz').read_bytes()
    return base64.b64encode(content).decode('ascii')


def find_layers(output_dir, scan, image_mm, map_mm):
    """Return the images and maps of a scan, and what cannot be read of them and why.

    A layer has ``key``, ``name``, ``kind`` (``image``, ``map`` or ``labels``), ``unit``, ``data``,
    ``low`` and ``high`` of its window, ``zero`` and ``step`` (code 0 stands for the one, and
    a code more for the other more), ``colours``, ``voxels`` in words. Without an image there is
    none.
    """
    from nibabel.filebasedimages import ImageFileError

    layers, left_out, white = [], [], {}
    for source in _sources(output_dir, scan):
        if not source.path.is_file():
            continue
        try:
            layers.append(_layer(source, white, map_mm if source.kind == 'map' else image_mm))
        except (ImageFileError, OSError, EOFError, ValueError, zlib.error) as error:
            # Tissues that cannot be read cost the maps on their grid too. The folder of a file
            # says nothing on another machine.
            why = re.sub(r'\S*/', '', str(error)) or type(error).__name__
            left_out.append(f'{source.name} ({source.path.name}: {why})')
    pictured = any(layer['kind'] == 'image' for layer in layers)
    return layers if pictured else [], left_out


def _sources(output_dir, scan):
    """Return what there may be of a scan, in the order of the page."""
    millimetres = scan.record.settings.get('output_resolution', 1.0)
    paths = volume_paths(output_dir, scan.name, millimetres)
    tissues, fine = paths['tissues'], paths['fine_tissues']
    if scan.record.direction == 'simulate':
        return [
            Source('preproc', 'Source scan', 'image', paths['preproc'], tissues),
            Source('simulated', 'Simulated scan', 'image', paths['simulated']),
            Source('tissues', 'Tissues', 'labels', tissues),
        ]
    percent, noise = '% of the white-matter mean', 'noise standard deviations'
    return [
        Source('enhanced', 'Enhanced image', 'image', paths['enhanced'], fine),
        Source('preproc', 'Scan', 'image', paths['preproc'], tissues),
        Source('claim', 'Claim', 'map', paths['claim'], fine, 'share of the local detail'),
        Source('uncertainty', 'Uncertainty', 'map', paths['uncertainty'], fine, percent),
        Source('residual', 'Residual', 'map', paths['residual'], tissues, noise),
        Source('tissues', 'Tissues', 'labels', fine if fine.is_file() else tissues),
    ]


def _layer(source, white, finest):
    """Return one layer; ``white`` keeps the white-matter mean of the images by their key."""
    volume, directions = load_oriented(source.path)
    labels = load(source.labels) if source.labels and source.labels.is_file() else None
    if labels is None or labels.data.shape != volume.data.shape:
        labels = volume._replace(data=volume.data > 0)
    box = bounding_box(labels, margin=AROUND if source.kind == 'image' else 2.0)
    volume, labels = cropped(volume, box), cropped(labels, box)
    make = {'image': _image, 'map': _map, 'labels': _labels}[source.kind]
    volume, (codes, step, zero), look = make(source, volume, labels, white, finest)
    foretold = source.kind != 'labels'
    affine = np.eye(4)
    affine[:3, :3] = directions * volume.zooms
    affine[:3, 3] = directions @ (volume.low + volume.zooms / 2)
    return {
        'key': source.key,
        'name': source.name,
        'kind': source.kind,
        'unit': source.unit,
        'step': step,
        'zero': zero,
        'foretold': foretold,
        'voxels': ' \u00d7 '.join(f'{z:.2g}' for z in volume.zooms) + ' mm',
        **look,
        'data': packed(codes, affine, round((look['high'] - zero) / step), foretold=foretold),
    }


def _image(source, volume, labels, white, finest):
    """An image in grey, from zero to a quarter above its own white matter, as in the figures."""
    brain, tissue = labels.data > 0, labels.data == TISSUE_LABELS['WM']
    level = float(volume.data[tissue].mean()) if tissue.any() else 0
    bright = float(np.percentile(volume.data[brain], 99.8)) if brain.any() else 0.0
    high = max(1.25 * level, bright) or float(volume.data.max()) or 1.0
    white[source.key] = level
    volume, _ = coarser(volume, np.ones(volume.data.shape, bool), finest)
    return volume, quantised(volume.data, 0.0, high), {'low': 0.0, 'high': high, 'colours': []}


def _map(source, volume, labels, white, finest):
    """A map inside the brain, in the colours and the unit of its figure."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

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
    volume, inside = coarser(volume, inside, finest)
    shades = [to_hex(colour) for colour in colormaps[colours](np.linspace(0, 1, COLOURS))]
    look = {'low': low, 'high': high or 1.0, 'colours': shades}
    return volume, quantised(volume.data, low, look['high'], inside), look


def _labels(_source, volume, _labels, _white, finest):
    """The tissues, in the colours that they have everywhere."""
    volume = thinned(volume, finest)
    _, _, names, colours = zip(*sorted(LOOKUP), strict=True)
    look = {'low': 0, 'high': len(names) - 1, 'names': names, 'colours': colours}
    return volume, (volume.data.astype(np.uint8), 1.0, 0.0), look


def quantised(data, low, high, inside=None):
    """Return whole numbers for values, in steps of a hundredth of a range, and what they mean.

    Codes go from 0 to :data:`STEPS`; with ``inside``, from one more there, and are
    :data:`OUTSIDE` elsewhere. ``intercept + slope * code``, the other two that are returned, is
    the value; what lies beyond the range becomes its end.
    """
    if not high > low:
        raise ValueError(f'no range of values lies between {low} and {high}')
    slope = (high - low) / STEPS
    codes = np.rint(np.clip((np.asarray(data, np.float64) - low) / slope, 0, STEPS))
    codes = codes.astype(np.uint8)
    if inside is None:
        return codes, slope, float(low)
    return np.where(inside, codes + 1, OUTSIDE).astype(np.uint8), slope, float(low - slope)


def packed(codes, affine, top, *, foretold=True):
    """Return codes (uint8) as text for a page: NIfTI, gzip, base64.

    The window of the image goes from zero to the code ``top``. Foretold ones are kept as
    :func:`surprises`.
    """
    import nibabel as nib

    header = nib.Nifti1Image(codes, affine).header
    header.set_slope_inter(1, 0)
    header['cal_max'] = top
    header['vox_offset'] = 352
    header['magic'] = b'n+1'
    content = header.binaryblock + bytes(4)
    content += (surprises(codes) if foretold else codes).tobytes(order='F')
    # As gzip (wbits 31), of which zlib writes the same bytes on every Python.
    return base64.b64encode(zlib.compress(content, 9, wbits=31)).decode('ascii')


def surprises(codes):
    """Return by how much each voxel differs from what its neighbours foretell, modulo 256.

    What is foretold is two thirds of the sum of the three neighbours before it, less a third of
    that of the three that those share: it takes two fifths off the size of a brain image, and
    the page undoes it in one pass.
    """
    p = np.pad(np.asarray(codes, np.int16), ((1, 0),) * 3)
    near = p[:-1, 1:, 1:] + p[1:, :-1, 1:] + p[1:, 1:, :-1]
    far = p[:-1, :-1, 1:] + p[:-1, 1:, :-1] + p[1:, :-1, :-1]
    return (p[1:, 1:, 1:] - (2 * near - far) // 3).astype(np.uint8)
