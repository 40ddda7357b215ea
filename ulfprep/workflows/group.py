"""Scans of a session that are run as one, and the names of their nodes."""

from dataclasses import dataclass

from ulfprep.bids.read.scan import Fusion, Scan
from ulfprep.workflows.scan import Task, node_name, safe_name


@dataclass(frozen=True)
class GroupTask:
    """Scans that are fitted in one field.

    Attributes
    ----------
    fusion : Fusion
        With two members or more.
    tasks : tuple of Task
        Of the members, in their order.
    """

    fusion: Fusion
    tasks: tuple[Task, ...]

    @property
    def node(self) -> str:
        """Name of the workflow; the same whoever is left out, so that work is found again."""
        return safe_name(f'fuse_{self.fusion.planned[0].name.replace("-", "")}')

    @property
    def name(self) -> str:
        """What the group is called in messages."""
        return ' + '.join(scan.name for scan in self.fusion.members)


def register_name(scan: Scan) -> str:
    """Return the name of the node that registers a scan."""
    return f'register_{node_name(scan)}'
