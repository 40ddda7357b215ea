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

#: A motion this small (degrees, mm) that makes two scans no more alike is no failure: their
#: headers were right.
STILL = (2.0, 2.0)


class RegistrationError(ValueError):
    """Two scans of one head could not be matched; the message names both."""


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
        from ulfprep.physics.registration import register_rigid

        inputs = self.inputs
        moving, moving_grid = read_volume(inputs.moving)
        fixed, fixed_grid = read_volume(inputs.fixed)
        found = register_rigid(
            moving,
            read_mask(inputs.moving_mask),
            moving_grid,
            fixed,
            read_mask(inputs.fixed_mask),
            fixed_grid,
            same_contrast=inputs.same_contrast,
        )
        still = found.rotation_deg <= STILL[0] and found.translation_mm <= STILL[1]
        if not found.ok and not still:
            raise RegistrationError(
                f'{inputs.name} could not be registered to {inputs.reference}: {found.reason}'
            )
        path = os.path.join(runtime.cwd, 'registration.json')
        write_json(
            path,
            {
                'name': inputs.name,
                'reference': inputs.reference,
                'transform': found.transform,
                'rotation_deg': found.rotation_deg if found.ok else 0.0,
                'translation_mm': found.translation_mm if found.ok else 0.0,
                'measure': 'correlation' if inputs.same_contrast else 'mutual information',
                'similarity_before': found.similarity_before,
                'similarity_after': found.similarity_after
                if found.ok
                else found.similarity_before,
            },
        )
        self._results['registration_file'] = path
        return runtime
