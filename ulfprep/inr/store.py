"""A fitted field on disk."""

import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import torch

from ulfprep.inr.fit import Fit, new_network
from ulfprep.inr.options import FitOptions
from ulfprep.inr.views import Channel
from ulfprep.inr.warm import WarmStart
from ulfprep.physics.contrast_plan import ContrastPlan
from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid


def save_fit(fit: Fit, path: str | Path) -> None:
    """Write a fitted field to ``path`` (NumPy archive; nothing in it is executable)."""
    w = fit.warm
    about = {
        'plan': fit.plan.to_json(),
        'options': fit.options.to_dict(),
        'history': fit.history,
        'stopped': fit.stopped,
        'notes': list(fit.notes),
        'bounds': [[s.start, s.stop] for s in w.bounds],
        'scan_shape': w.scan.shape,
        'fine_shape': w.fine.shape,
        'smoothness': w.smoothness,
        'modality': fit.modality,
        'others': [
            {'modality': o.modality, 'plan': o.plan.to_json(), 'smoothness': o.warm.smoothness}
            for o in fit.others
        ],
    }
    arrays = {f'net.{k}': v.numpy() for k, v in fit.network.state_dict().items()}
    # Beyond these two, contrasts share what the first has.
    for number, other in enumerate(fit.others):
        arrays[f'other.{number}.intensity'] = other.warm.intensity
        arrays[f'other.{number}.noise'] = other.warm.noise.astype(np.float32)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        about=np.array(json.dumps(about)),
        scan_affine=w.scan.affine,
        fine_affine=w.fine.affine,
        voxels=w.voxels,
        inside=w.inside,
        intensity=w.intensity,
        logits=w.logits,
        outside=w.outside,
        noise=w.noise.astype(np.float32),
        **arrays,
    )
    with open(path, 'wb') as stream:
        stream.write(buffer.getvalue())


def load_fit(path: str | Path) -> Fit:
    """Read a field that :func:`save_fit` wrote."""
    with np.load(path, allow_pickle=False) as data:
        about = json.loads(str(data['about']))
        plan = ContrastPlan.from_json(about['plan'])
        values = dict(about['options'])
        values['lattice_spacings'] = tuple(values['lattice_spacings'])
        options = FitOptions(**values)
        scan = Grid(tuple(about['scan_shape']), data['scan_affine'])
        fine = Grid(tuple(about['fine_shape']), data['fine_affine'])
        warm = WarmStart(
            scan=scan,
            fine=fine,
            bounds=tuple(slice(a, b) for a, b in about['bounds']),
            model=ForwardModel.between(
                scan, fine, plan.psf_fwhm_mm, plan.contrast_vector, plan.psf
            ),
            voxels=data['voxels'],
            inside=data['inside'],
            intensity=data['intensity'],
            logits=data['logits'],
            outside=data['outside'],
            noise=data['noise'],
            smoothness=about['smoothness'],
        )
        others = tuple(
            Channel(
                other['modality'],
                dataclasses.replace(
                    warm,
                    intensity=data[f'other.{number}.intensity'],
                    noise=data[f'other.{number}.noise'],
                    smoothness=other['smoothness'],
                ),
                ContrastPlan.from_json(other['plan']),
            )
            for number, other in enumerate(about['others'])
        )
        network = new_network(warm, options, 1 + len(others))
        state = {k[4:]: torch.as_tensor(data[k]) for k in data.files if k.startswith('net.')}
    network.load_state_dict(state)
    return Fit(
        network,
        warm,
        plan,
        options,
        about['history'],
        about['modality'],
        others,
        about['stopped'],
        tuple(about['notes']),
    )
