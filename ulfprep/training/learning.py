"""One step of learning: loss, optimiser, averaged weights, and what of it is kept."""

from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch.nn import functional as F

from ulfprep.physics import TISSUES
from ulfprep.segmentation.network import CLASSES, TissueNet

#: Steps over which the rate of learning rises, and after which it falls as their root.
WARM_UP, STEADY = 100, 2000
#: Memory of the averaged weights.
MEMORY = 0.999
#: Voxels at the border of a patch that nothing is learned from, for their context is cut off.
BORDER = 4
#: Weight of the Dice loss beside the cross-entropy.
DICE_WEIGHT = 0.5


@dataclass(frozen=True)
class Settings:
    """What a training run depends on, beside its label maps.

    Attributes
    ----------
    seed : int
    heads : tuple of str
        Names of the label maps that are learned from.
    batch, patch : int
        Patches a step, and their side in mm.
    rate : float
        Highest rate of learning.
    """

    seed: int
    heads: tuple[str, ...]
    batch: int = 1
    patch: int = 64
    rate: float = 2e-3


class Learner:
    """A network, its optimiser and its averaged weights.

    Parameters
    ----------
    settings : Settings
    device : str
        Of torch. Weights are kept in single precision, features in bfloat16.
    """

    def __init__(self, settings: Settings, device: str = 'cpu'):
        torch.manual_seed(settings.seed)
        self.settings, self.device, self.step = settings, device, 0
        self.net = TissueNet().to(device)
        self.optimiser = torch.optim.AdamW(self.net.parameters(), settings.rate, weight_decay=1e-4)
        self.average = {k: v.detach().clone() for k, v in self.net.state_dict().items()}

    def learn(self, batch, factor: float = 1.0) -> dict[str, float]:
        """Take one step; return its losses.

        Parameters
        ----------
        batch : tuple of torch.Tensor
            ``x``, ``hints``, ``centre``, ``classes`` of examples, stacked.
        factor : float
            Of the rate of learning.
        """
        x, hints, centre, classes = (t.to(self.device, non_blocking=True) for t in batch)
        x = x.to(torch.bfloat16)  # plain layout: normalisation is slow in any other
        for group in self.optimiser.param_groups:
            group['lr'] = factor * self.settings.rate * rate_at(self.step)
        loss, report = losses(self.net(x, hints, centre), classes, x[:, -1] > 0)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        memory = min(MEMORY, self.step / (self.step + 10))
        with torch.no_grad():
            for name, value in self.net.state_dict().items():
                self.average[name].lerp_(value, 1 - memory)
        return report

    def state(self) -> dict:
        """Everything that is needed to go on as if nothing had happened."""
        return {
            'settings': asdict(self.settings),
            'step': self.step,
            'net': self.net.state_dict(),
            'average': self.average,
            'optimiser': self.optimiser.state_dict(),
        }

    def restore(self, state: dict) -> None:
        """Go on from :meth:`state`."""
        self.step = state['step']
        self.net.load_state_dict(state['net'])
        self.optimiser.load_state_dict(state['optimiser'])
        self.average = {k: v.to(self.device) for k, v in state['average'].items()}


def rate_at(step: int) -> float:
    """Rate of learning relative to its highest: it needs no end to be known beforehand."""
    return min(1.0, (step + 1) / WARM_UP) * float(np.sqrt(STEADY / max(step, STEADY)))


def losses(scores: torch.Tensor, classes: torch.Tensor, mask: torch.Tensor):
    """Cross-entropy of the classes and Dice loss of the tissues.

    Parameters
    ----------
    scores : torch.Tensor, shape (B, 9, n, n, n)
    classes : torch.Tensor, shape (B, n, n, n)
    mask : torch.Tensor of bool, shape (B, n, n, n)
        Brain masks.

    Returns
    -------
    loss : torch.Tensor
    report : dict of str to float
    """
    inner = torch.zeros_like(mask)
    inner[:, BORDER:-BORDER, BORDER:-BORDER, BORDER:-BORDER] = True
    seen = mask & inner
    scores = scores.movedim(1, -1)[seen].float()
    wanted = classes[seen].long()
    entropy = F.cross_entropy(scores, wanted, reduction='sum') / (seen.sum() + 1000)
    groups = torch.tensor(
        [[float(t == tissue) for tissue in TISSUES] for t in CLASSES.values()],
        device=scores.device,
    )
    shares = scores.softmax(1) @ groups
    truth = groups[wanted]
    both = (shares * truth).sum(0)
    dice = (2 * both + 100) / (shares.sum(0) + truth.sum(0) + 100)
    loss = entropy + DICE_WEIGHT * (1 - dice.mean())
    report = {'loss': loss, 'cross_entropy': entropy}
    report |= {f'dice_{t}': d for t, d in zip(TISSUES, dice, strict=True)}
    return loss, {k: float(v.detach()) for k, v in report.items()}
