"""A training run: examples in; checkpoints, a table of losses and a progress line out."""

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from ulfprep.physics import TISSUES
from ulfprep.segmentation.network import CLASSES, TissueNet, write_weights
from ulfprep.training.examples import draw_example
from ulfprep.training.maps import Head

CHECKPOINT, LOSSES, WEIGHTS = 'checkpoint.pt', 'losses.tsv', 'weights.npz'
#: Seconds between checkpoints, and between progress lines.
KEEP_EVERY, TELL_EVERY = 180.0, 30.0
#: Steps that a row of the table of losses averages.
ROW = 20
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
    """What a training run depends on, beside its label maps."""

    seed: int
    heads: tuple[str, ...]  # names of the label maps that are learned from
    batch: int = 1  # patches a step
    patch: int = 64  # their side, mm
    rate: float = 2e-3  # highest rate of learning


class Learner:
    """A network, its optimiser and its averaged weights, on a device of torch.

    Weights are kept in single precision, features in bfloat16.
    """

    def __init__(self, settings: Settings, device: str = 'cpu'):
        torch.manual_seed(settings.seed)
        self.settings, self.device, self.step = settings, device, 0
        self.net = TissueNet().to(device)
        self.optimiser = torch.optim.AdamW(self.net.parameters(), settings.rate, weight_decay=1e-4)
        self.average = {k: v.detach().clone() for k, v in self.net.state_dict().items()}

    def learn(self, batch, factor: float = 1.0) -> dict[str, float]:
        """Take one step; return its losses.

        ``batch`` holds ``x``, ``hints``, ``centre`` and ``classes`` of examples, stacked;
        ``factor`` is one of the rate of learning.
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
    """Cross-entropy of the classes and Dice loss of the tissues, as a tensor and as numbers.

    ``scores`` are (B, 9, n, n, n); ``classes`` and the brain ``mask`` (B, n, n, n).
    """
    inner = torch.zeros_like(mask)
    inner[:, BORDER:-BORDER, BORDER:-BORDER, BORDER:-BORDER] = True
    seen = mask & inner
    scores = scores.movedim(1, -1)[seen].float()
    wanted = classes[seen].long()
    entropy = F.cross_entropy(scores, wanted, reduction='sum') / (seen.sum() + 1000)
    groups = torch.tensor([[float(t == tissue) for tissue in TISSUES] for t in CLASSES.values()])
    groups = groups.to(scores.device)
    shares = scores.softmax(1) @ groups
    truth = groups[wanted]
    both = (shares * truth).sum(0)
    dice = (2 * both + 100) / (shares.sum(0) + truth.sum(0) + 100)
    loss = entropy + DICE_WEIGHT * (1 - dice.mean())
    report = {'loss': loss, 'cross_entropy': entropy}
    report |= {f'dice_{t}': d for t, d in zip(TISSUES, dice, strict=True)}
    return loss, {k: float(v.detach()) for k, v in report.items()}


@dataclass(frozen=True)
class Duration:
    """When to stop: after minutes of this run, or at a step, counted over all runs."""

    minutes: float | None = None
    steps: int | None = None
    cool_down: int = 0  # over so many of the last steps the rate of learning falls to zero

    def factor(self, step: int) -> float:
        """Return what the rate of learning is multiplied with at a step."""
        if self.steps is None or not self.cool_down:
            return 1.0
        return min(1.0, max(self.steps - step, 1) / self.cool_down)

    def over(self, step: int, seconds: float) -> bool:
        """Say whether nothing is left."""
        late = self.minutes is not None and seconds >= 60 * self.minutes
        return late or (self.steps is not None and step >= self.steps)

    def left(self, step: int, seconds: float, pace: float) -> str:
        """Say in words how long it will take, at a pace of seconds a step."""
        by_time = [] if self.minutes is None else [60 * self.minutes - seconds]
        ends = by_time + ([] if self.steps is None else [(self.steps - step) * pace])
        return f', {max(min(ends), 0) / 60:.0f} min left' if ends else ''


def train(
    learner: Learner,
    heads: list[Head],
    out: Path,
    duration: Duration,
    workers: int,
    tell: Callable[[str], None],
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Learn until the time or the steps are over; a checkpoint is kept at the end.

    ``checkpoint.pt``, ``losses.tsv`` and ``weights.npz`` are written to ``out``. ``workers`` is
    the number of processes that draw examples, zero for this one; ``tell`` receives progress
    lines, and ``stop`` says whether to end after the step that is being taken.
    """
    out.mkdir(parents=True, exist_ok=True)
    table = _Table(out / LOSSES, learner.step)
    start = kept = told = time.monotonic()
    first = learner.step
    for batch in _batches(heads, learner.settings, first, workers):
        if duration.over(learner.step, time.monotonic() - start) or stop():
            break
        table.add(learner.step + 1, learner.learn(batch, duration.factor(learner.step)))
        now = time.monotonic()
        if now - told >= TELL_EVERY:
            told, pace = now, (now - start) / (learner.step - first)
            values = ', '.join(f'{name} {value:.3f}' for name, value in table.recent.items())
            rest = duration.left(learner.step, now - start, pace)
            tell(f'step {learner.step}: {values}; {pace:.2f} s a step{rest}')
        if now - kept >= KEEP_EVERY:
            keep(learner, out)
            kept = time.monotonic()
    keep(learner, out)


def keep(learner: Learner, out: Path) -> None:
    """Write the checkpoint and the averaged weights; an interrupted write harms neither."""
    whole, part = out / f'{CHECKPOINT}.part', out / f'part.{WEIGHTS}'
    torch.save(learner.state(), whole)
    os.replace(whole, out / CHECKPOINT)
    write_weights(part, learner.average)
    os.replace(part, out / WEIGHTS)


class _Examples(torch.utils.data.Dataset):
    """Examples by number: the same for the same heads and seed, whichever process draws them."""

    def __init__(self, heads, settings):
        self.heads, self.settings = heads, settings

    def __getitem__(self, number):
        e = draw_example(self.heads, self.settings.seed, number, self.settings.patch)
        return tuple(map(torch.from_numpy, (e.x, e.hints, e.centre, e.classes)))

    def __len__(self):
        return 2**31


def _batches(heads, settings, first, workers):
    examples = _Examples(heads, settings)
    return torch.utils.data.DataLoader(
        examples,
        batch_size=settings.batch,
        sampler=range(first * settings.batch, len(examples)),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        worker_init_fn=_one_thread,
    )


def _one_thread(_):
    torch.set_num_threads(1)


class _Table:
    """Table of mean losses; rows beyond the step that a run goes on from are dropped."""

    def __init__(self, file: Path, step: int):
        self.file, self.reports, self.recent = file, [], {}
        rows = file.read_text().splitlines() if step and file.exists() else []
        kept = [row for row in rows if (n := row.split('\t')[0]).isdigit() and int(n) <= step]
        names = ('step', 'loss', 'cross_entropy', *(f'dice_{t}' for t in TISSUES))
        file.write_text('\n'.join(['\t'.join(names), *kept, '']))

    def add(self, step, report):
        self.reports.append(report)
        if step % ROW:
            return
        self.recent = {k: sum(r[k] for r in self.reports) / len(self.reports) for k in report}
        self.reports = []
        with self.file.open('a') as f:
            print(step, *(f'{value:.5f}' for value in self.recent.values()), sep='\t', file=f)
