"""Nipype's plugin as a file asks for it (``--use-plugin``)."""

import logging
from pathlib import Path

from ulfprep.bids.files import read_text
from ulfprep.workflows.engine.failures import Failure, read_crashes

LOGGER = logging.getLogger('ulfprep')


def read_plugin_file(path: Path) -> tuple[str, dict]:
    """Return name and arguments of the plugin that a YAML file asks for.

    It holds ``plugin: NAME`` and, where there are any, ``plugin_args: {...}``. Raises ``OSError``
    if it cannot be read; ``ValueError``, one line that names it, if it holds something else, or a
    plugin that Nipype does not have.
    """
    import yaml

    try:
        content = yaml.safe_load(read_text(path))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        words = ' '.join(str(error).split())
        raise ValueError(f'{path}: not readable as YAML ({words}); mend the file') from error
    if not isinstance(content, dict) or not isinstance(content.get('plugin'), str):
        raise ValueError(
            f'{path}: must name a plugin of Nipype, such as "plugin: MultiProc" '
            '(and may have plugin_args below it)'
        )
    if strange := sorted(map(str, set(content) - {'plugin', 'plugin_args'})):
        raise ValueError(f'{path}: knows plugin and plugin_args, not {", ".join(strange)}')
    arguments = content.get('plugin_args') or {}
    if not isinstance(arguments, dict):
        raise ValueError(f'{path}: plugin_args must be names with values')
    name = content['plugin']
    if name not in (known := plugin_names()):
        raise ValueError(f'{path}: Nipype has no plugin {name!r}; it has {", ".join(known)}')
    if name in graph_plugin_names():
        raise ValueError(
            f'{path}: {name} hands in all steps and returns at once, so that no verdict would be '
            'true; name a plugin that waits for its jobs, such as SLURM'
        )
    return name, arguments


def run_in_plugin(workflow, path: Path, crash_dir: Path) -> list[Failure]:
    """Run a workflow in the plugin that a file asks for, and return what failed."""
    name, arguments = read_plugin_file(path)
    try:
        workflow.run(plugin=name, plugin_args=arguments)
    except Exception as error:  # noqa: BLE001 - Nipype raises after all nodes are through
        LOGGER.debug('the workflow engine ended with: %s', error)
        failures = read_crashes(crash_dir)
        if not failures:  # not a node, then: without this the reason would be lost
            LOGGER.error('the workflow engine failed: %s', error)
        return failures
    return []


def plugin_names() -> list[str]:
    """Return the names of Nipype's plugins."""
    from nipype.pipeline import plugins

    ending = 'Plugin'
    return sorted(
        name.removesuffix(ending)
        for name in dir(plugins)
        if name.endswith(ending) and name != ending
    )


def graph_plugin_names() -> list[str]:
    """Return the names of Nipype's plugins that do not wait for what they hand in."""
    from nipype.pipeline import plugins
    from nipype.pipeline.plugins.base import GraphPluginBase

    kinds = {name: getattr(plugins, f'{name}Plugin') for name in plugin_names()}
    return [name for name, kind in kinds.items() if issubclass(kind, GraphPluginBase)]
