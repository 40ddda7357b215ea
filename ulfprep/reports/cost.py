"""Time and memory that a scan took, in words."""


def cost_rows(record: dict | None) -> list[tuple[str, str]]:
    """Return ``(name, text)`` of what a scan took.

    Parameters
    ----------
    record : dict or None
        ``seconds``, ``cpu_seconds``, ``peak_gb`` in all and of every one of its ``nodes``; None
        where nobody measured. ``shared_with``: the scans that the steps were run for as well.
    """
    if not record:
        return [('Time and memory', 'not recorded')]
    nodes = record.get('nodes') or ()
    time = f'{duration(record.get("seconds"))} in all its steps'
    if record.get('cpu_seconds') is not None:
        time += f', {duration(record["cpu_seconds"])} of CPU'
    if record.get('shared_with'):
        time += f' (shared with {", ".join(record["shared_with"])})'
    return [
        ('Time', time + _longest(nodes)),
        ('Memory', gigabytes(record.get('peak_gb')) + _largest(nodes)),
    ]


def node_rows(record: dict | None) -> list[tuple[str, str, str, str]]:
    """Return name, time, CPU time and memory of every step that took a second, longest first."""
    nodes = [node for node in (record or {}).get('nodes') or () if (node.get('seconds') or 0) >= 1]
    return [
        (
            str(node.get('node')),
            duration(node.get('seconds')),
            duration(node.get('cpu_seconds')),
            gigabytes(node.get('peak_gb')),
        )
        for node in sorted(nodes, key=lambda node: -node['seconds'])
    ]


def duration(seconds: float | None) -> str:
    """Return ``12 s``, ``3 min 20 s``, ``1 h 5 min``."""
    if seconds is None:
        return 'not measured'
    if seconds < 10:
        return f'{seconds:.1f} s'
    whole = round(seconds)
    if whole < 60:
        return f'{whole} s'
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f'{minutes} min {rest} s'
    return f'{minutes // 60} h {minutes % 60} min'


def gigabytes(size: float | None) -> str:
    """Return ``1.9 GB``."""
    return 'not measured' if size is None else f'{size:.2g} GB'


def _longest(nodes):
    timed = [node for node in nodes if node.get('seconds')]
    if not timed:
        return ''
    node = max(timed, key=lambda node: node['seconds'])
    return f'; longest: {node.get("node")}, {duration(node["seconds"])}'


def _largest(nodes):
    measured = [node for node in nodes if node.get('peak_gb')]
    if not measured:
        return ''
    return f' at most, in {max(measured, key=lambda node: node["peak_gb"]).get("node")}'
