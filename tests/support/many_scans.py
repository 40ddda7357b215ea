"""An output folder of many scans, made of copies of one, with metrics that scatter."""

import base64
import io

import numpy as np
from records import judged

from ulfprep.bids.files import dump_json
from ulfprep.bids.write.derivatives import figures_of
from ulfprep.metrics.registry import all_metrics

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 110"></svg>'
#: Spread of a metric over scans, as a share of its value, but for those that are all alike.
SCATTER = 0.08
ALIKE = ('contrast_target', 'ratio_csf_wm', 'ratio_gm_wm')
CRASHES = (
    ('bias', 'RuntimeError', 'the bias field did not converge'),
    ('brain_mask', 'ValueError', 'no brain was found in the image'),
    ('fit', 'WorkerKilledError', 'the worker was killed; it may have needed more memory'),
)


def write_text(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding='utf-8')


def write_json(path, content):
    write_text(path, dump_json(content))


def scattered(metrics, rng, quality):
    """Return metrics as another scan would have them; ``quality`` shifts them together."""
    found = {}
    for name, value in metrics.items():
        if value is None or name in ALIKE:
            found[name] = value
            continue
        sign = {'higher': 1, 'lower': -1}.get(all_metrics()[name].better, 0)
        # Not all brains are as large as that of the example.
        value *= 0.75 if name.startswith('volume_') else 1
        factor = np.exp(SCATTER * (rng.standard_normal() + 0.7 * sign * quality))
        found[name] = float(value * factor)
    return found


def thumbnail(path, rng):
    """Write a picture of three grey ovals with noise, as an SVG with a JPEG in it."""
    from PIL import Image

    width, height = 300, 110
    y, x = np.mgrid[:height, :width].astype(float)
    grey = np.zeros((height, width))
    for centre in (50, 150, 250):
        radius = np.hypot((x - centre) / 42, (y - height / 2) / 48)
        grey += np.where(radius < 1, 150 + 60 * np.cos(8 * radius + x / 9), 0)
    grey += 12 * rng.standard_normal(grey.shape) * (grey > 0)
    buffer = io.BytesIO()
    Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).save(buffer, 'JPEG', quality=75)
    data = base64.b64encode(buffer.getvalue()).decode()
    write_text(
        path,
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
        f'<image width="{width}" height="{height}" href="data:image/jpeg;base64,{data}"/></svg>',
    )


def make_output(record, out, count):
    """Write ``count`` scans: nearly all finished, every 40th failed, every 60th half-finished.

    The ``record`` is the content of the QC file of a finished scan. Return the names of the scans
    by what became of them.
    """
    rng = np.random.default_rng(1)
    made = {'finished': [], 'failed': [], 'missing': []}
    for number in range(1, count + 1):
        subject = f'{number:03d}'
        name = f'sub-{subject}_T1w'
        image = {'image': f'{name}.nii.gz', 'selected': True, 'text': 'selected'}
        write_json(out / f'logs/selection/sub-{subject}.json', {'images': [image]})
        if number % 60 == 59:
            made['missing'].append(name)
            continue
        if number % 40 == 20:
            made['failed'].append(name)
            node, kind, message = CRASHES[number // 40 % len(CRASHES)]
            verdict = {
                'scan': name, 'entities': {'subject': subject, 'session': None}, 'source': '',
                'status': 'failed', 'node': f'ulfprep.{name}.{node}', 'kind': kind,
                'message': message, 'traceback': message, 'run': 'logs/20260101-000000_00000000',
            }  # fmt: skip
            write_json(out / f'logs/verdicts/{name}.json', verdict)
            write_text(out / f'sub-{subject}.html', '<!DOCTYPE html><title>report</title>')
            continue
        made['finished'].append(name)
        quality = rng.standard_normal() - (0, 12, 25)[(number % 50 == 7) + (number % 150 == 7)]
        copy = record | {
            'entities': {'subject': subject, 'session': None},
            'metrics': scattered(record['metrics'], rng, quality),
        }
        write_json(out / f'sub-{subject}/anat/sub-{subject}_desc-qc_T1w.json', judged(copy))
        write_text(out / f'sub-{subject}.html', '<!DOCTYPE html><title>report</title>')
        for figure in {*figures_of(record['direction']), 'thumbnail'}:
            path = out / f'sub-{subject}/figures/sub-{subject}_desc-{figure}_T1w.svg'
            if figure == 'thumbnail':
                thumbnail(path, rng)
            else:
                write_text(path, SVG)
    return made
