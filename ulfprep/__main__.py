"""``python -m ulfprep``: the same as the ``ulfprep`` command."""

import sys

from ulfprep.cli.main import main

if __name__ == '__main__':
    sys.exit(main())
