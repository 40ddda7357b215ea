"""The ``ulfprep`` command: level -> work -> exit code."""

import sys

from ulfprep.cli.environment import VISIBLE, in_container
from ulfprep.cli.exit_codes import Exit, Stop
from ulfprep.cli.parser import parse_args
from ulfprep.cli.signals import Terminated, ended_by_signals
from ulfprep.settings import Settings

GO_ON = 'finished steps are kept, run it again to go on'


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
        After ``--help`` and ``--version``, and where the command line is not understood.
    """
    try:
        with ended_by_signals():
            return int(_work(parse_args(argv)))
    except Stop as stop:
        hint = in_container(VISIBLE) if stop.code == Exit.NO_INPUT else ''
        print(f'ulfprep: error: {stop}{hint}', file=sys.stderr)
        return int(stop.code)
    except OSError as error:
        print(f'ulfprep: error: {error}', file=sys.stderr)
        return int(Exit.IO_ERROR)
    except KeyboardInterrupt:
        print(f'ulfprep: interrupted; {GO_ON}', file=sys.stderr)
        return 130  # what shells say of a program ended by Ctrl-C
    except Terminated as end:
        print(f'ulfprep: ended by {end}; {GO_ON}', file=sys.stderr)
        return end.exit_code


def _work(settings: Settings) -> Exit:
    """Do what the level and the flags ask for; what is heavy is imported only then."""
    if settings.analysis_level == 'group':
        from ulfprep.cli.group import run_group

        return run_group(settings)
    if settings.dry_run:
        from ulfprep.cli.dry_run import dry_run

        return dry_run(settings)
    if settings.reports_only:
        from ulfprep.cli.reports import reports_only

        return reports_only(settings)
    if settings.boilerplate_only:
        from ulfprep.cli.citation import boilerplate_only

        return boilerplate_only(settings)
    if settings.write_sbatch:
        from ulfprep.cli.sbatch import write_sbatch

        return write_sbatch(settings)
    from ulfprep.cli.participant import run_participant

    return run_participant(settings)


if __name__ == '__main__':
    sys.exit(main())
