"""Nodes connected by name: an input takes what an earlier node made under the same name."""

from nipype.pipeline import engine as pe
from niworkflows.engine.workflows import LiterateWorkflow

#: What was made, by name: the part of the workflow that its node is in, the node, its output.
Made = dict[str, tuple[LiterateWorkflow | None, pe.Node, str]]


def add(
    workflow: LiterateWorkflow,
    node: pe.Node,
    made: Made,
    part: LiterateWorkflow | None = None,
    gives: dict[str, str] | None = None,
) -> Made:
    """Add a node to a workflow, or to a part of it, and connect each input that was made.

    ``part`` is a workflow inside the first: a folder for nodes, and a part of their full names.
    ``gives`` are outputs of the node and the names they are known by from here on; without, all by
    their own names. What was made before and what this node makes is returned.
    """
    if part is not None and workflow.get_node(part.name) is None:
        workflow.add_nodes([part])
    (workflow if part is None else part).add_nodes([node])
    for field in node.inputs.copyable_trait_names():
        if source := made.get(field):
            _connect(workflow, source, (part, node, field))
    gives = gives or {name: name for name in node.outputs.copyable_trait_names()}
    return made | {name: (part, node, output) for output, name in gives.items()}


def _connect(workflow: LiterateWorkflow, source: tuple, target: tuple) -> None:
    """Connect nodes that are in the same part of a workflow, or in any two."""
    if source[0] is target[0]:
        (workflow if source[0] is None else source[0]).connect(*source[1:], *target[1:])
        return
    ends = [
        (node, field) if part is None else (part, f'{node.name}.{field}')
        for part, node, field in (source, target)
    ]
    workflow.connect(*ends[0], *ends[1])
