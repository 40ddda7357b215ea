"""Where the scans of a session lie in the world of one of them, as a Nipype node."""

import os

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    traits,
)

from ulfprep.bids.files import write_json
from ulfprep.interfaces.volumes import read_mask, read_volume
from ulfprep.physics.motion import find_motion


class _RegisterInputSpec(BaseInterfaceInputSpec):
    moving = File(exists=True, mandatory=True, desc='bias-corrected scan')
    moving_mask = File(exists=True, mandatory=True)
    fixed = File(exists=True, mandatory=True, desc='bias-corrected reference scan')
    fixed_mask = File(exists=True, mandatory=True)
    name = traits.Str(mandatory=True, desc='what the moving scan is called')
    reference = traits.Str(mandatory=True, desc='what the reference is called')
    same_contrast = traits.Bool(mandatory=True)


class _RegisterOutputSpec(TraitedSpec):
    registration_file = File(exists=True, desc='JSON')


class RegisterScan(SimpleInterface):
    """Rigid motion; see :func:`ulfprep.physics.registration.register_rigid`."""

    input_spec = _RegisterInputSpec
    output_spec = _RegisterOutputSpec

    def _run_interface(self, runtime):
        inputs = self.inputs
        moving, moving_grid = read_volume(inputs.moving)
        fixed, fixed_grid = read_volume(inputs.fixed)
        found = find_motion(
            (moving, read_mask(inputs.moving_mask), moving_grid),
            (fixed, read_mask(inputs.fixed_mask), fixed_grid),
            names=(inputs.name, inputs.reference),
            same_contrast=inputs.same_contrast,
        )
        path = os.path.join(runtime.cwd, 'registration.json')
        write_json(path, found)
        self._results['registration_file'] = path
        return runtime
