"""The ``ulfprep`` command: level -> work -> exit code."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ulfprep.cli.environment import VISIBLE, in_container
from ulfprep.cli.exit_codes import Exit, Stop
from ulfprep.cli.parser import parse_args
from ulfprep.settings import Settings

GO_ON = 'finished steps are kept, run it again to go on'


def main(argv: list[str] | None = None) -> int:
    """Run ulfprep and return its exit code, one of :class:`ulfprep.cli.exit_codes.Exit`.

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
        said, code = f'error: {stop}{hint}', int(stop.code)
    except OSError as error:
        said, code = f'error: {error}', int(Exit.IO_ERROR)
    except KeyboardInterrupt:
        said, code = f'interrupted; {GO_ON}', 130  # what shells say of Ctrl-C
    except Terminated as end:
        said, code = f'ended by {end}; {GO_ON}', end.exit_code
    print(f'ulfprep: {said}', file=sys.stderr)
    return code


def _work(settings: Settings) -> Exit:
    """Do what the level and the flags ask for; what is heavy is imported only then."""
    if settings.analysis_level == 'group':
        from ulfprep.cli.group import run_group as work
    elif settings.dry_run:
        from ulfprep.cli.select import dry_run as work
    elif settings.reports_only:
        from ulfprep.cli.reports import reports_only as work
    elif settings.boilerplate_only:
        from ulfprep.cli.reports import boilerplate_only as work
    elif settings.write_sbatch:
        from ulfprep.cli.sbatch import write_sbatch as work
    else:
        from ulfprep.cli.participant import run_participant as work
    return work(settings)


class Terminated(BaseException):  # noqa: N818 - like KeyboardInterrupt
    """A signal (of ``docker stop``, of a scheduler) asked the process to end."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number  # what shells say of a program that was ended by it


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Have SIGTERM and SIGHUP raise :class:`Terminated`, so that the run still tidies up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [signal.SIGTERM, signal.SIGHUP]

    def end(number, frame):
        # A second signal would interrupt the tidying up.
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise Terminated(number)

    # A signal that is ignored (nohup) stays ignored.
    before = {n: signal.getsignal(n) for n in numbers if signal.getsignal(n) != signal.SIG_IGN}
    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == '__main__':
    sys.exit(main())
