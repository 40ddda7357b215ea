"""SVG text of matplotlib, made a fraction of its size without a difference to the eye."""

import base64
import io
import re

#: Colour of text that is meant as the halo of other text; see :func:`_halo`.
HALO = '#000001'
_QUALITY = 90
_IMAGE = re.compile(r'<image xlink:href="data:image/png;base64,([^"]*)"([^>]*?) style="[^"]*"/>')
_MATRIX = re.compile(r' id="(\w+)"(.*) transform="matrix\(([^)]*)\)"')
_NUMBER = re.compile(r'-?\d+\.\d+')
_POLYLINE = re.compile(r'(?:[ML] -?[\d.]+ -?[\d.]+ ?\s*|z\s*)+')
_LONG = 400  # characters of a path from which it is worth writing it shorter


def shrink(text, smooth=False):
    """Return an SVG of matplotlib without what no viewer needs.

    Parameters
    ----------
    text : str
    smooth : bool
        Let the viewer interpolate between the pixels of pictures.

    Returns
    -------
    str
        Maps, off whose colours values are read, are stored with a palette, every pixel as it
        was; grey pictures so or as JPEG, whichever is smaller; each once, however often it is
        shown. Points of long lines are kept to a tenth of an SVG point.
    """
    # The document type names a file on the net that no reader needs.
    text = re.sub(r'<!DOCTYPE.*?>\s*', '', text, flags=re.DOTALL)
    text = _pictures(text, '' if smooth else ' style="image-rendering:pixelated"')
    text = re.sub(r'(<path id="[^"]*") d="([^"]*)"', _glyph, text)
    text = _letters(text)
    text = re.sub(r' d="([^"]*)"', _path, text)
    text = text.replace(f'fill: {HALO}', _halo())
    return re.sub(r'\n\s+', '\n', text)


def _pictures(text, style):
    """Rewrite all pictures; one that was shown before is shown again, not stored again."""
    places = {}

    def rewrite(match):
        content, rest = match.groups()
        found = _MATRIX.match(rest)
        if not found:
            return match.group()
        name, size, matrix = found.groups()
        matrix = [float(part) for part in matrix.split()]
        if content in places:
            first, before = places[content]
            # What the first one is moved by, undone.
            a, d = matrix[0] / before[0], matrix[3] / before[3]
            e, f = matrix[4] - a * before[4], matrix[5] - d * before[5]
            moved = f'matrix({a:.6g} 0 0 {d:.6g} {e:.6g} {f:.6g})'
            return f'<use xlink:href="#{first}" transform="{moved}"/>'
        places[content] = name, matrix
        kind, small = _smallest(content)
        numbers = ' '.join(f'{part:.6g}' for part in matrix)
        return (
            f'<image id="{name}"{size} transform="matrix({numbers})"{style} '
            f'xlink:href="data:image/{kind};base64,{small}"/>'
        )

    return _IMAGE.sub(rewrite, text)


def _smallest(content):
    """Return kind and content of an embedded picture in the smallest form, Base64."""
    from PIL import Image

    picture = Image.open(io.BytesIO(base64.b64decode(content))).convert('RGBA')
    forms = {'png': _with_palette(picture) or base64.b64decode(content)}
    if grey := _grey(picture):
        buffer = io.BytesIO()
        grey.save(buffer, format='JPEG', quality=_QUALITY, optimize=True)
        forms['jpeg'] = buffer.getvalue()
    kind = min(forms, key=lambda form: len(forms[form]))
    return kind, base64.b64encode(forms[kind]).decode('ascii')


def _grey(picture):
    """Return an opaque picture without colours as one of greys, None of any other."""
    red, green, blue, alpha = picture.split()
    opaque = alpha.getextrema()[0] == 255
    same = red.tobytes() == green.tobytes() == blue.tobytes()
    return red if opaque and same else None


def _with_palette(picture):
    """Return a picture of few colours (one drawn through a colour map) as PNG with a palette."""
    import numpy as np
    from PIL import Image

    pixels = np.ascontiguousarray(picture).view(np.uint32)[..., 0]
    colours, index = np.unique(pixels, return_inverse=True)
    if len(colours) > 256:
        return None
    small = Image.frombytes('P', picture.size, index.astype(np.uint8).tobytes())
    small.putpalette(colours.view(np.uint8).tobytes(), rawmode='RGBA')
    buffer = io.BytesIO()
    small.save(buffer, format='PNG', optimize=True)
    return buffer.getvalue()


def _glyph(match):
    """Write a glyph, drawn in units of a few thousandths of a point, in whole units."""
    whole = _NUMBER.sub(lambda number: f'{float(number.group()):.0f}', match[2])
    return f'{match[1]} d="{" ".join(whole.split())}"'


def _letters(text):
    """Give the shapes of letters short names, and say shortly where letters stand."""
    names = dict.fromkeys(re.findall(r'<path id="(DejaVu[^"]*)"', text))
    short = {name: f'g{number}' for number, name in enumerate(names)}
    text = re.sub(r'(id="|href="#)(DejaVu[^"]*)"', lambda m: f'{m[1]}{short[m[2]]}"', text)
    return re.sub(r'(<use xlink:href="#g\d+") transform="translate\(([\d.]+) 0\)"', _shift, text)


def _shift(match):
    return f'{match[1]} x="{float(match[2]):.1f}"'


def _path(match):
    """Write a path with no more digits than a screen shows."""
    text = match[1]
    if len(text) > _LONG and _POLYLINE.fullmatch(text):
        return f' d="{_relative(text)}"'
    return f' d="{" ".join(_NUMBER.sub(_two_digits, text).split())}"'


def _two_digits(number):
    return f'{float(number.group()):.2f}'.rstrip('0').rstrip('.')


def _relative(text):
    """Write lines from point to point as steps, in tenths of a point."""
    words, x, y = [], 0, 0
    parts = text.split()
    at = 0
    while at < len(parts):
        command = parts[at]
        if command == 'z':
            words.append('z')
            at += 1
            continue
        # Rounded places and not rounded steps: errors do not add up.
        to_x, to_y = (round(10 * float(part)) for part in parts[at + 1 : at + 3])
        at += 3
        if command == 'M':
            words.append(f'M{_tenths(to_x)} {_tenths(to_y)}')
        elif (to_x, to_y) != (x, y):
            words.append(f'l{_tenths(to_x - x)} {_tenths(to_y - y)}')
        x, y = to_x, to_y
    return ''.join(words).replace(' -', '-')


def _tenths(number):
    return f'{number / 10:g}'.replace('0.', '.') if abs(number) < 10 else f'{number / 10:g}'


def _halo():
    """Return the style of a text in the ground's colour that is wider than the text on it.

    Drawn twice, text stays a reference to the shapes of its letters; matplotlib's own outlines
    write every letter out.
    """
    # In the units of the letters, 64 to a hundredth of the type's size: 2 points around 8.
    return 'fill: #000; stroke: #000; stroke-width: 1500; stroke-linejoin: round'
