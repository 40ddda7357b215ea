"""ulfprep: a BIDS-App that enhances ultra-low-field MRI, one scan at a time."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version('ulfprep')
except PackageNotFoundError:  # run from a checkout that was never installed
    __version__ = '0+unknown'
