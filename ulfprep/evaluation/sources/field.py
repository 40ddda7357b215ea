"""At which field strength was an image acquired: by its sidecar, else by its name."""

from ulfprep.bids.read.acquisition import LOW_FIELD_LIMIT, field_of

#: Of portable scanners, tesla.
LOW_FIELD = 0.064
#: What a label, or the name of a folder, holds or is where it tells the field.
LOW_WORDS = ('64mt', 'ulf', 'hyperfine', 'swoop', 'lowfield')
HIGH_WORDS = ('hf', 'highfield')


def is_low(metadata: dict, labels=()) -> bool | None:
    """Tell whether an image is of low field.

    Parameters
    ----------
    metadata : dict
        Sidecar: what it says counts first.
    labels : sequence of str
        Of session, acquisition or folder.

    Returns
    -------
    bool or None
        ``None`` where nothing tells.
    """
    field = field_of(metadata)
    if field is not None:
        return field < LOW_FIELD_LIMIT
    words = [label.lower().replace('-', '').replace('_', '').replace(' ', '') for label in labels]
    low = any(known in word for word in words for known in LOW_WORDS)
    high = any(
        word in HIGH_WORDS or word.startswith('3t') or word.endswith('3t') for word in words
    )
    return low if low != high else None
