"""The word ``template`` in the place of a folder: the MNI152 brain that comes with nilearn.

Nothing need be downloaded. The ICBM 2009a symmetric template may be used freely with its
copyright notice (:data:`ulfprep.evaluation.examples.LICENCE`). It is an average of many people,
smoother than any of them.
"""

import numpy as np

from ulfprep.evaluation.sources.brain import Brain, make_brain
from ulfprep.evaluation.sources.labels import IN_ORDER, Labels

WORD = 'template'


def load_template() -> Brain:
    """Return the template; its labels are what is most probable in its tissue maps."""
    from ulfprep.evaluation.examples import example_truth

    truth = example_truth('01')
    values = np.where(truth.mask, truth.probs.argmax(axis=0) + 1, 0)
    labels = Labels(values, truth.grid, IN_ORDER)
    return make_brain(
        WORD, truth.image, truth.grid, labels=labels, stripped=True, even=True, layout=WORD
    )
