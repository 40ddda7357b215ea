"""What can be wrong with a dataset as a whole; every message is one line with the way out."""


class DatasetError(ValueError):
    """The dataset cannot be read as BIDS; the message names the file."""


class UnknownLabelError(DatasetError):
    """A participant or session that was asked for does not exist."""


class NoScansError(DatasetError):
    """The dataset, or what was selected of it, holds no scan of the modalities asked for."""


class IndexOfAnotherError(DatasetError):
    """The folder of ``--bids-database-dir`` holds the index of another dataset."""


class BrokenIndexError(DatasetError):
    """The folder of ``--bids-database-dir`` holds an index that cannot be read."""


class IndexFolderError(DatasetError):
    """The folder of ``--bids-database-dir`` cannot be made or written to."""
