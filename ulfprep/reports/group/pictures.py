"""Thumbnails of all scans as addresses that a page can hold, within a budget."""

import base64
import io
import re
from collections.abc import Mapping
from pathlib import Path

from ulfprep.reports.pages import svg_address

#: Characters that all thumbnails of a page may take together.
BUDGET = 5_000_000
#: What a thumbnail is made smaller than before it is left out, characters.
SMALLEST = 1500
_RASTER = re.compile(r'data:(image/(?:png|jpeg));base64,([A-Za-z0-9+/=\s]+)')
_SCALES = (0.75, 0.5, 0.35, 0.25)


def addresses(pictures: Mapping[str, Path], budget: int = BUDGET) -> dict[str, str]:
    """Return each thumbnail as a ``data:`` address.

    Parameters
    ----------
    pictures : mapping
        Scan -> SVG file.
    budget : int
        Characters for all. Where they would take more, all are drawn smaller; where even that
        is too much, some are left out.

    Returns
    -------
    dict of str to str
        Scan -> address; without those that vanished or that there was no room for.
    """
    found = {name: address for name, path in pictures.items() if (address := _address(path))}
    if sum(map(len, found.values())) > budget:
        share = max(budget // len(found), SMALLEST)
        found = {name: _smaller(address, share) for name, address in found.items()}
    kept, used = {}, 0
    for name, address in found.items():
        if used + len(address) <= budget:
            kept[name] = address
            used += len(address)
    return kept


def _address(path):
    """Return the one raster that a thumbnail is made of, or else the whole drawing."""
    try:
        svg = path.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError):
        return ''
    rasters = _RASTER.findall(svg)
    if len(rasters) == 1:
        kind, data = rasters[0]
        return f'data:{kind};base64,{"".join(data.split())}'
    return svg_address(svg)


def _smaller(address, limit):
    """Return a raster in fewer pixels, so that its address takes ``limit`` characters at most."""
    match = _RASTER.fullmatch(address)
    if len(address) <= limit or not match:
        return address
    from PIL import Image

    try:
        picture = Image.open(io.BytesIO(base64.b64decode(match[2]))).convert('L')
    except (OSError, ValueError):  # half of one
        return address
    for scale in _SCALES:
        size = [max(round(scale * length), 1) for length in picture.size]
        buffer = io.BytesIO()
        picture.resize(size, Image.Resampling.LANCZOS).save(buffer, 'JPEG', quality=70)
        address = f'data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}'
        if len(address) <= limit:
            break
    return address
