"""What a Nipype workflow leaves unsaid."""


def assert_all_inputs_given(workflow):
    """Every mandatory input of every node is either set or connected."""
    graph = workflow._create_flat_graph()
    for node in graph.nodes:
        connected = {
            field for *_, data in graph.in_edges(node, data=True) for _, field in data['connect']
        }
        missing = [
            name
            for name, trait in node.inputs.traits(mandatory=True).items()
            if name not in connected and name not in node.inputs.get_traitsfree()
        ]
        assert missing == [], node.fullname
