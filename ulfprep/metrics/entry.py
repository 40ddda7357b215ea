"""One entry of the data dictionary of metrics."""

#: What ``Better`` of a metric may say. ``ideal``: the nearer to its ``Ideal`` the better.
DIRECTIONS = ('higher', 'lower', 'ideal', 'none')


def entry(
    long_name: str,
    description: str,
    units: str = 'dimensionless',
    *,
    category: str,
    hint: str,
    better: str = 'none',
    ideal: float | None = None,
) -> dict:
    """Return an entry: LongName, Description, Units (as BIDS describes a column), and more.

    Parameters
    ----------
    long_name, description, units : str
    category : str
        Heading under which reports show it.
    hint : str
        The description in plain words.
    better : str
        One of :data:`DIRECTIONS`.
    ideal : float, optional
        What is best, where ``better`` is ``ideal``.
    """
    made = {'LongName': long_name, 'Description': description, 'Units': units}
    made |= {'Category': category, 'Better': better}
    if ideal is not None:
        made['Ideal'] = ideal
    return made | {'Hint': hint}
