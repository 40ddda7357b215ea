"""Time and memory of each step of a scan, written down as soon as it is through."""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from ulfprep.bids.store.records import read_resources, write_resources

LOGGER = logging.getLogger('ulfprep')


class Costs:
    """Keeps the records of :mod:`ulfprep.bids.store.records` up to date while a scan is run.

    Steps that a run takes over from an earlier one keep what they took then.

    Parameters
    ----------
    output_dir : Path
    scans : sequence of str
        Names of the scans that the steps are run for.
    """

    def __init__(self, output_dir: Path, scans: Sequence[str]):
        self.output_dir, self.scans = output_dir, scans
        self.names: dict[str, str] = {}

    def expect(self, steps: Iterable[str]) -> None:
        """Learn the full names of all steps, in their order, ``<whole>.<scan>. ... .<node>``."""
        last = {step: step.rpartition('.')[2] for step in steps}
        count = Counter(last.values())
        # Without its workflows, where no other step has the same name.
        self.names = {
            step: name if count[name] == 1 else step.split('.', 2)[-1]
            for step, name in last.items()
        }

    def add(self, step: str, cost: dict) -> None:
        """Note the ``seconds``, ``cpu_seconds``, ``peak_gb`` and ``n_procs`` of a known step."""
        name = self.names[step]
        kept = {key: round(cost[key], 3) for key in ('seconds', 'cpu_seconds', 'peak_gb')}
        entry = {'node': name, **kept, 'n_procs': cost['n_procs']}
        for scan in self.scans:
            before = read_resources(self.output_dir, scan) or {'nodes': []}
            known = {node['node']: node for node in before['nodes']} | {name: entry}
            # What the workflow does no more is forgotten.
            nodes = [known[one] for one in self.names.values() if one in known]
            rest = [other for other in self.scans if other != scan]
            try:
                write_resources(self.output_dir, scan, nodes, rest)
            except OSError as error:  # a full disk: the results are what matters
                LOGGER.debug('what %s took cannot be written: %s', name, error)
