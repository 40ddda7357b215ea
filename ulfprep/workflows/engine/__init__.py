"""How a workflow is run: plugins, the processes and jobs they start, and what is known of them."""
