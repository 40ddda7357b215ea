"""Time and memory of each step, written down as soon as it is through."""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from ulfprep.bids.store.records import read_resources, write_resources

LOGGER = logging.getLogger('ulfprep')


class Costs:
    """Keeps the records of :mod:`ulfprep.bids.store.records` up to date while scans are run.

    Steps that a run takes over from an earlier one keep what they took then.

    Parameters
    ----------
    output_dir : Path
    parts : mapping of str to list of str
        Part of the workflow -> names of the scans that it is run for.
    """

    def __init__(self, output_dir: Path, parts: Mapping[str, list[str]]):
        self.output_dir = output_dir
        self.parts = parts
        self._steps: dict[str, dict[str, str]] = {}

    def __call__(self, name: str, cost: dict, others: Iterable[str]) -> None:
        """Note what a step took.

        Parameters
        ----------
        name : str
            Full name of the node, ``<workflow>.<part>. ... .<node>``.
        cost : dict
            ``seconds``, ``cpu_seconds``, ``peak_gb``, ``n_procs``.
        others : iterable of str
            Full names of all nodes there are; looked at the first time only.
        """
        part, step = _split(name)
        if part not in self.parts:
            return
        self._steps = self._steps or _by_part(others)
        steps = self._steps[part]
        short = steps[step]
        kept = {key: round(cost[key], 3) for key in ('seconds', 'cpu_seconds', 'peak_gb')}
        entry = {'node': short, **kept, 'n_procs': cost['n_procs']}
        scans = self.parts[part]
        for scan in scans:
            before = read_resources(self.output_dir, scan) or {'nodes': []}
            known = {node['node']: node for node in before['nodes']} | {short: entry}
            # In the order of the workflow; what it does no more is forgotten.
            nodes = [known[one] for one in steps.values() if one in known]
            rest = [other for other in scans if other != scan]
            try:
                write_resources(self.output_dir, scan, nodes, rest)
            except OSError as error:  # a full disk: the results are what matters
                LOGGER.debug('what %s took cannot be written: %s', name, error)


def _split(name: str) -> tuple[str, str]:
    """Return the part of the workflow that a node is of, and its name there."""
    _, part, *step = name.split('.')
    return part, '.'.join(step)


def _by_part(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return part -> step -> short name of the step."""
    parts = defaultdict(list)
    for part, step in map(_split, names):
        parts[part].append(step)
    return {part: _short(steps) for part, steps in parts.items()}


def _short(steps: list[str]) -> dict[str, str]:
    """Return the name of each step without its workflows, where no other has the same."""
    last = {step: step.rpartition('.')[2] for step in steps}
    count = Counter(last.values())
    return {step: name if count[name] == 1 else step for step, name in last.items()}
