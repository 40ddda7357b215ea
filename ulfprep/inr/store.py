"""A fitted field on disk."""

import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import torch

from ulfprep.inr.fit import Fit, new_network
from ulfprep.inr.options import FitOptions
from ulfprep.inr.warm import WarmStart
from ulfprep.physics.contrast_plan import ContrastPlan
from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid

#: Arrays of a first estimate that are kept as they are.
ARRAYS = ('voxels', 'inside', 'intensity', 'logits', 'outside', 'noise')


def save_fit(fit: Fit, path: str | Path) -> None:
    """Write a fitted field to ``path`` (NumPy archive; nothing in it is executable)."""
    first, *others = fit.channels
    about = {
        'plan': first.plan.to_json(),
        'options': dataclasses.asdict(fit.options),
        'history': fit.history,
        'stopped': fit.stopped,
        'notes': fit.notes,
        'bounds': [[s.start, s.stop] for s in first.bounds],
        'scan_shape': first.scan.shape,
        'fine_shape': first.fine.shape,
        'smoothness': first.smoothness,
        'modality': first.modality,
        'others': [
            {'modality': o.modality, 'plan': o.plan.to_json(), 'smoothness': o.smoothness}
            for o in others
        ],
    }
    arrays = {
        'about': np.array(json.dumps(about)),
        'scan_affine': first.scan.affine,
        'fine_affine': first.fine.affine,
        **{name: getattr(first, name) for name in ARRAYS},
        **{f'net.{k}': v.numpy() for k, v in fit.network.state_dict().items()},
    }
    arrays['noise'] = first.noise.astype(np.float32)
    # Beyond these two, contrasts share what the first has.
    for number, other in enumerate(others):
        arrays[f'other.{number}.intensity'] = other.intensity
        arrays[f'other.{number}.noise'] = other.noise.astype(np.float32)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    Path(path).write_bytes(buffer.getvalue())


def load_fit(path: str | Path) -> Fit:
    """Read a field that :func:`save_fit` wrote."""
    with np.load(path, allow_pickle=False) as data:
        arrays = dict(data)
    about = json.loads(str(arrays['about']))
    plan = ContrastPlan.from_json(about['plan'])
    about['options']['lattice_spacings'] = tuple(about['options']['lattice_spacings'])
    options = FitOptions(**about['options'])
    scan = Grid(tuple(about['scan_shape']), arrays['scan_affine'])
    fine = Grid(tuple(about['fine_shape']), arrays['fine_affine'])
    first = WarmStart(
        scan=scan,
        fine=fine,
        bounds=tuple(slice(a, b) for a, b in about['bounds']),
        modality=about['modality'],
        plan=plan,
        model=ForwardModel.between(scan, fine, plan.psf_fwhm_mm, plan.contrast_vector, plan.psf),
        smoothness=about['smoothness'],
        **{name: arrays[name] for name in ARRAYS},
    )
    others = [
        dataclasses.replace(
            first,
            modality=other['modality'],
            plan=ContrastPlan.from_json(other['plan']),
            intensity=arrays[f'other.{number}.intensity'],
            noise=arrays[f'other.{number}.noise'],
            smoothness=other['smoothness'],
        )
        for number, other in enumerate(about['others'])
    ]
    channels = (first, *others)
    network = new_network(channels, options)
    network.load_state_dict(
        {k[4:]: torch.as_tensor(v) for k, v in arrays.items() if k.startswith('net.')}
    )
    return Fit(
        network, channels, options, about['history'], about['stopped'], tuple(about['notes'])
    )
