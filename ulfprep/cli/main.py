"""The ``ulfprep`` command: level -> work -> exit code."""

import sys

from ulfprep.cli.exit_codes import Exit, Stop
from ulfprep.cli.parser import parse_args


def main(argv: list[str] | None = None) -> int:
    """Run ulfprep and return its exit code.

    Parameters
    ----------
    argv : list of str or None
        Arguments without the program's name; ``None`` takes those of the process.

    Returns
    -------
    int
        See :class:`ulfprep.cli.exit_codes.Exit`.

    Raises
    ------
    SystemExit
        After ``--help`` and ``--version``, and for wrong usage.
    """
    try:
        settings = parse_args(argv)
        if settings.analysis_level == 'group':
            from ulfprep.cli.group import run_group

            return int(run_group(settings))
        from ulfprep.cli.participant import run_participant

        return int(run_participant(settings))
    except Stop as stop:
        print(f'ulfprep: error: {stop}', file=sys.stderr)
        return int(stop.code)
    except OSError as error:
        print(f'ulfprep: error: {error}', file=sys.stderr)
        return int(Exit.IO_ERROR)
    except KeyboardInterrupt:
        print('ulfprep: interrupted; finished steps are kept, run it again to go on',
              file=sys.stderr)  # fmt: skip
        return 130  # what shells say of a program ended by Ctrl-C


if __name__ == '__main__':
    sys.exit(main())
