"""The core takes the arguments that the interfaces hand it.

The stand-ins of the other tests would hide it if the two drifted apart.
"""

import importlib
import inspect

import pytest

CALLS = {
    'ulfprep.segmentation.brain:looks_stripped': (['image', 'zooms'], {}),
    'ulfprep.segmentation.brain:brain_mask': (['image', 'zooms', True], {}),
    'ulfprep.segmentation.bias:correct_bias': (['image', 'mask', 'zooms'], {}),
    'ulfprep.segmentation.tissue:segment': (['image', 'mask', 'zooms'], {}),
    'ulfprep.physics.plan:plan_contrast': (
        ['image', 'mask', 'probs', 'zooms', {}, 0.064, 3.0],
        {},
    ),
    'ulfprep.physics.forward:residual': (
        ['image', 'mask', 'enhanced', 'probs', 'grid', 'fine_grid', 'plan'],
        {},
    ),
    'ulfprep.physics.simulation:simulate': (
        ['image', 'mask', 'probs', 'grid', 'plan'],
        {'seed': 1},
    ),
    'ulfprep.physics.simulation:realise': (['simulation', 1], {}),
    'ulfprep.inr.fit:fit_scan': (
        ['image', 'mask', 'probs', 'grid', 'plan', 'options', 'cpu', 1],
        {'progress': None},
    ),
    'ulfprep.inr.store:save_fit': (['fit', 'path'], {}),
    'ulfprep.inr.store:load_fit': (['path'], {}),
    'ulfprep.inr.render:render': (['fit', 'grid', 'cpu'], {}),
    'ulfprep.physics.interpolation:bicubic': (['image', 'grid', 'fine_grid'], {}),
    'ulfprep.metrics.enhanced:EnhancedScan': (
        [],
        dict.fromkeys(
            [
                'scan',
                'scan_mask',
                'scan_grid',
                'scan_probs',
                'enhanced',
                'fine_probs',
                'fine_mask',
                'fine_grid',
                'bicubic',
                'residual',
                'uncertainty',
                'entropy',
                'claim',
                'plan',
                'conformed',
                'bias_field',
                'change',
            ]
        ),
    ),
    'ulfprep.metrics.simulated:SimulatedScan': (
        [],
        dict.fromkeys(
            [
                'scan',
                'scan_mask',
                'scan_probs',
                'scan_grid',
                'simulated',
                'simulated_grid',
                'plan',
                'facts',
                'conformed',
                'bias_field',
            ]
        ),
    ),
    'ulfprep.metrics.tissue_change:tissue_change': (
        ['initial', 'final', 'mask', 'grid', 'fine_grid', 'psf_fwhm', 'psf'],
        {},
    ),
    'ulfprep.reports.participant:write_report': (['out', '01', None, []], {'interactive': True}),
    'ulfprep.reports.drawing.figures:plot_scan': (
        ['prefix'],
        dict.fromkeys(
            [
                'direction',
                'scan',
                'preproc',
                'bias_field',
                'brain_mask',
                'dseg',
                'disagreement',
                'bicubic',
                'enhanced',
                'fine_dseg',
                'residual',
                'uncertainty',
                'entropy',
                'claim',
                'tissue_change',
                'tissue_move',
                'plan',
                'fit',
                'metrics',
                'simulated',
                'facts',
            ]
        ),
    ),
}


@pytest.mark.parametrize('name', CALLS)
def test_call_binds(name):
    module, _, function = name.partition(':')
    positional, named = CALLS[name]
    signature = inspect.signature(getattr(importlib.import_module(module), function))
    signature.bind(*positional, **named)


def test_options_are_plain_data():
    import dataclasses

    from ulfprep.inr.options import FitOptions

    for options in (FitOptions.default(), FitOptions.sloppy()):
        assert dataclasses.asdict(options)


def test_every_backbone_that_can_be_asked_for_is_there():
    from ulfprep import settings
    from ulfprep.inr.options import BACKBONES

    assert tuple(BACKBONES) == settings.BACKBONES
