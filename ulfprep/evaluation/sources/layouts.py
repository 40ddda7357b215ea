"""Which layout a folder has."""

from pathlib import Path


def recognise(folder: Path, layouts: dict, layout: str | None, what: str, say) -> tuple[str, list]:
    """Return the first layout that a folder has, and what there is in it.

    Parameters
    ----------
    folder : Path
    layouts : dict
        Name -> module with ``find(folder, say)``, which returns a list, and ``SHAPE``, its files
        in words.
    layout : str or None
        The only one to look for.
    what : str
        Is looked for, in words.
    say : callable
        Told what the layout that fits has to say; where none does, what each has.

    Returns
    -------
    name : str
    found : list

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or nothing in it; the message says what was looked for.
    ValueError
        If there is no such layout.
    """
    if layout not in (None, *layouts):
        raise ValueError(f'{layout} is no layout: take {", ".join(layouts)}')
    if not folder.is_dir():
        raise FileNotFoundError(f'{folder}: no such folder; give one with {what}')
    asked = layouts if layout is None else {layout: layouts[layout]}
    notes: list[str] = []
    for name, module in asked.items():
        said: list[str] = []
        if found := module.find(folder, said.append):
            for line in said:
                say(line)
            return name, found
        notes += said
    for line in notes:
        say(line)
    shapes = '; '.join(f'{name} ({module.SHAPE})' for name, module in asked.items())
    raise FileNotFoundError(f'{folder}: nothing in it that is {what}; looked for: {shapes}')
