"""The physics of the two directions: relaxation, sequences, contrast, acquisition, forward model.

Arrays, affines and tensors in, arrays out; nothing here knows of files, BIDS or Nipype.
"""

#: Order of the tissue axis of every array in the package.
TISSUES = ('CSF', 'GM', 'WM')

from ulfprep.physics.forward import ForwardModel  # noqa: E402
from ulfprep.physics.grid import Grid  # noqa: E402

__all__ = ['TISSUES', 'ForwardModel', 'Grid']
