"""Command line: ``python -m ulfprep.training MAPS OUT``."""

import argparse
import signal
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path


def main(arguments=None) -> int:
    """Train; return 0, or 2 after one line on what is wrong with the input."""
    options = parser().parse_args(arguments)
    try:
        _run(options)
    except (OSError, ValueError) as error:
        print(f'ulfprep.training: error: {error}', file=sys.stderr)
        return 2
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    p = argparse.ArgumentParser(
        prog='python -m ulfprep.training',
        description='Train the tissue network on scans that ulfprep.physics makes of label maps.',
    )
    p.add_argument('maps', type=Path, help='folder of label maps with FreeSurfer numbers')
    p.add_argument('out', type=Path, help='folder for checkpoints, weights and losses')
    p.add_argument('--minutes', type=float, help='stop after this time')
    p.add_argument('--steps', type=int, help='stop at this step, counted from the very first')
    p.add_argument(
        '--cool-down',
        type=int,
        default=0,
        help='let the rate fall over so many of the last steps',
    )
    p.add_argument('--seed', type=int, default=0)
    p.add_argument('--hold-out', default='', help='names of maps not to learn from, by comma')
    p.add_argument(
        '--score', type=Path, metavar='WEIGHTS', help='score these on the maps held out instead'
    )
    p.add_argument('--resume', action='store_true', help='go on from the checkpoint in OUT')
    p.add_argument('--batch', type=int, default=1, help='patches a step')
    p.add_argument('--patch', type=int, default=64, help='side of a patch, mm; a multiple of 16')
    p.add_argument('--rate', type=float, default=2e-3, help='highest rate of learning')
    p.add_argument('--threads', type=int, default=1, help='of torch')
    p.add_argument('--workers', type=int, default=1, help='processes that draw examples')
    p.add_argument('--device', default='cpu', help='of torch: cpu, cuda')
    return p


def _run(options) -> None:
    import torch

    from ulfprep.segmentation.network import STRIDE, read_network
    from ulfprep.training.learning import CHECKPOINT, Duration, Learner, Settings, train
    from ulfprep.training.maps import label_maps, read_heads
    from ulfprep.training.score import score

    if options.patch % STRIDE or options.patch <= 0:
        raise ValueError(f'--patch is {options.patch}; it must be a multiple of {STRIDE}')
    known = label_maps(options.maps)
    held = [name for name in options.hold_out.split(',') if name]
    if unknown := [name for name in held if name not in known]:
        raise ValueError(f'--hold-out names {unknown[0]}, which {options.maps} does not hold')
    torch.set_num_threads(options.threads)
    cache, say = options.out / 'heads', partial(print, flush=True)
    if options.score:
        if not held:
            raise ValueError('--score needs the maps to score on: name them with --hold-out')
        heads = read_heads(options.maps, held, cache)
        score(read_network(options.score), heads, options.out, say)
        return
    names = tuple(name for name in known if name not in held)
    checkpoint = options.out / CHECKPOINT
    if checkpoint.exists() and not options.resume:
        raise ValueError(
            f'{checkpoint} exists: go on from it with --resume, or choose another OUT'
        )
    settings = Settings(options.seed, names, options.batch, options.patch, options.rate)
    learner = Learner(settings, options.device)
    if options.resume and checkpoint.exists():
        state = torch.load(checkpoint, map_location=options.device, weights_only=True)
        if tuple(state['settings']['heads']) != names:
            raise ValueError(f'{checkpoint} was trained on other label maps; give it the same')
        learner.restore(state)
    duration = Duration(options.minutes, options.steps, cool_down=options.cool_down)
    with _told_to_stop() as stop:
        say(f'{len(names)} label maps to learn from, {len(held)} held out')
        heads = read_heads(options.maps, names, cache)
        train(learner, heads, options.out, duration, options.workers, say, stop)


@contextmanager
def _told_to_stop():
    """Give whether SIGTERM or SIGINT came: a run then ends as at its time, with a checkpoint."""
    told = []
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: told.append(True)) for number in numbers]
    try:
        yield lambda: bool(told)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


if __name__ == '__main__':
    sys.exit(main())
