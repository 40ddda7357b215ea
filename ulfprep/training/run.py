"""A training run: examples in, checkpoints, a table of losses and a progress line out."""

import csv
import os
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from ulfprep.training.examples import draw_example
from ulfprep.training.learning import Learner

CHECKPOINT, LOSSES, WEIGHTS = 'checkpoint.pt', 'losses.tsv', 'weights.npz'


@dataclass(frozen=True)
class Duration:
    """When to stop, and how often to keep and to tell.

    Attributes
    ----------
    minutes : float or None
        Of this run; without, ``steps`` decide.
    steps : int or None
        Of all runs together.
    keep_every, tell_every : float
        Seconds between checkpoints, and between progress lines.
    rows_every : int
        Steps that a row of the table of losses averages.
    cool_down : int
        Over so many of the last ``steps`` the rate of learning falls to zero.
    """

    minutes: float | None = None
    steps: int | None = None
    keep_every: float = 180.0
    tell_every: float = 30.0
    rows_every: int = 20
    cool_down: int = 0

    def factor(self, step: int) -> float:
        """Return what the rate of learning is multiplied with at a step."""
        if self.steps is None or not self.cool_down:
            return 1.0
        return min(1.0, max(self.steps - step, 1) / self.cool_down)


class Examples(torch.utils.data.Dataset):
    """Examples by number: the same for the same heads and seed, whichever process draws them."""

    def __init__(self, heads, seed: int, size: int):
        self.heads, self.seed, self.size = heads, seed, size

    def __getitem__(self, number):
        e = draw_example(self.heads, self.seed, number, self.size)
        return tuple(map(torch.from_numpy, (e.x, e.hints, e.centre, e.classes)))

    def __len__(self):
        return 2**31


def train(
    learner: Learner,
    heads,
    out: Path,
    duration: Duration,
    workers: int = 1,
    tell=print,
    stop=lambda: False,
):
    """Learn until the time or the steps are over; a checkpoint is kept at the end.

    Parameters
    ----------
    learner : Learner
        Restored from a checkpoint, it goes on where that stopped.
    heads : list of Head
    out : Path
        Folder; ``checkpoint.pt``, ``losses.tsv`` and ``weights.npz`` are written to it.
    duration : Duration
    workers : int
        Processes that draw examples; zero draws them in this one.
    tell : callable
        Receives the progress lines.
    stop : callable
        Whether to end after the step that is being taken.
    """
    out.mkdir(parents=True, exist_ok=True)
    table = _Table(out / LOSSES, learner.step, duration.rows_every)
    start = kept = told = time.monotonic()
    first, settings = learner.step, learner.settings
    last = float('inf') if duration.steps is None else duration.steps
    for batch in _batches(heads, settings, first, workers):
        now = time.monotonic()
        if learner.step >= last or _over(duration, now - start) or stop():
            break
        table.add(learner.step + 1, learner.learn(batch, duration.factor(learner.step)))
        now = time.monotonic()
        if now - told >= duration.tell_every:
            told = now
            tell(_progress(learner.step, first, now - start, duration, table.recent))
        if now - kept >= duration.keep_every:
            keep(learner, out)
            kept = time.monotonic()
    keep(learner, out)


def keep(learner: Learner, out: Path) -> None:
    """Write the checkpoint and the averaged weights; an interrupted write harms neither."""
    from ulfprep.segmentation.network import write_weights

    whole = out / f'{CHECKPOINT}.part'
    torch.save(learner.state(), whole)
    os.replace(whole, out / CHECKPOINT)
    part = out / f'part.{WEIGHTS}'
    write_weights(part, learner.average)
    os.replace(part, out / WEIGHTS)


def _batches(heads, settings, first, workers):
    examples = Examples(heads, settings.seed, settings.patch)
    start = first * settings.batch
    return torch.utils.data.DataLoader(
        examples,
        batch_size=settings.batch,
        sampler=range(start, len(examples)),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        worker_init_fn=_one_thread,
    )


def _one_thread(_):
    torch.set_num_threads(1)


def _over(duration, seconds):
    return duration.minutes is not None and seconds >= 60 * duration.minutes


def _progress(step, first, seconds, duration, recent):
    pace = seconds / max(step - first, 1)
    left = []
    if duration.minutes is not None:
        left.append(60 * duration.minutes - seconds)
    if duration.steps is not None:
        left.append((duration.steps - step) * pace)
    rest = f', {max(min(left), 0) / 60:.0f} min left' if left else ''
    values = ', '.join(f'{name} {value:.3f}' for name, value in recent.items())
    return f'step {step}: {values}; {pace:.2f} s a step{rest}'


class _Table:
    """Table of losses; rows beyond the step that a run goes on from are dropped."""

    def __init__(self, file: Path, step: int, every: int):
        self.file, self.every, self.sums, self.recent = file, every, [], {}
        rows = []
        if step and file.exists():
            with file.open() as f:
                rows = [r for r in csv.reader(f, delimiter='\t') if r and r[0].isdigit()]
        self.rows = [r for r in rows if int(r[0]) <= step]
        self.started = False

    def add(self, step, report):
        self.sums.append(report)
        if step % self.every:
            return
        mean = {k: sum(r[k] for r in self.sums) / len(self.sums) for k in report}
        self.sums, self.recent = [], mean
        if not self.started:
            self.started = True
            with self.file.open('w', newline='') as f:
                writer = csv.writer(f, delimiter='\t', lineterminator='\n')
                writer.writerow(['step', *mean])
                writer.writerows(self.rows)
        with self.file.open('a', newline='') as f:
            row = [step, *(f'{v:.5f}' for v in mean.values())]
            csv.writer(f, delimiter='\t', lineterminator='\n').writerow(row)
