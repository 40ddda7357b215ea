"""How the run of each scan ended, and why: crash files read, and told as a table."""

import re
from dataclasses import dataclass
from pathlib import Path

from ulfprep.bids.names import session_name
from ulfprep.bids.task import Scan

#: An exception's last line, ``module.Kind: message``, possibly indented by Nipype.
_EXCEPTION = re.compile(r'^\s*((?:\w+\.)*\w+): ?(.*)$')
#: What the kernel says of a disk that is full, and of a user's share of one.
NO_ROOM = ('No space left on device', 'Disk quota exceeded')


@dataclass(frozen=True)
class Failure:
    """One failed node."""

    node: str  #: its full name, workflows and all
    kind: str  #: class of the exception, without module
    message: str
    traceback: str = ''
    crash_file: str = ''


@dataclass(frozen=True)
class Ending:
    """What became of a scan."""

    scan: Scan
    #: ``finished``; ``skipped``: finished before, with the same settings; ``failed``; or
    #: ``not run``, left over where the run was ended by another scan's failure.
    status: str
    failure: Failure | None = None
    minutes: float | None = None  #: how long it took, where that is known

    def as_error(self) -> dict:
        """Return the failure as the report wants it."""
        return {
            'scan': self.scan.name,
            'entities': {**self.scan.entities, 'session': self.scan.session},
            'node': self.failure.node,
            'message': self.failure.message,
            'traceback': self.failure.traceback,
        }


def read_crash(path: Path) -> Failure:
    """Read one of Nipype's crash files (text format)."""
    text = path.read_text(encoding='utf-8', errors='replace')
    return failure_of(text, path.stem, str(path))


def failure_of(text: str, name: str, crash_file: str = '') -> Failure:
    """Return what the text of a crash file says; ``name`` is the node where it does not tell."""
    first = re.match(r'Node: (\S+)', text)
    start = text.find('Traceback (most recent call last)')
    trace = text[start:] if start >= 0 else text
    # Nipype adds to what happened that there is no result, as if that were news.
    trace = trace.partition('\n\nWhen creating this crashfile')[0]
    before, _, after = trace.rpartition('\n\nDuring handling of the above exception')
    if before and 'result["result"] = node.result' in after:
        trace = before  # likewise
    kind, message = _last_exception(trace)
    if any(message.endswith(said) for said in NO_ROOM):
        # Compressed files do not say which of them it was.
        folder = re.search(r'^Working directory: (.+)$', text, re.MULTILINE)
        message += f': {folder.group(1)}' if folder else ''
    if any(said in message for said in NO_ROOM):
        message += '; make room and run the same command again: finished steps are kept'
    return Failure(
        node=first.group(1) if first else name,
        kind=kind,
        message=message,
        traceback=trace.strip(),
        crash_file=crash_file,
    )


def _last_exception(trace: str) -> tuple[str, str]:
    """Return class and message of the exception a traceback ends with."""
    lines = trace.rstrip().splitlines()
    starts = [i for i, line in enumerate(lines) if 'Traceback (most recent call last)' in line]
    if not starts:
        return 'Error', lines[-1].strip() if lines else ''
    begin = starts[-1] + 1
    depth = len(lines[begin - 1]) - len(lines[begin - 1].lstrip())
    for number in range(begin, len(lines)):
        line = lines[number]
        # Frames are indented further than the word Traceback; the exception is not.
        if line.strip() and len(line) - len(line.lstrip()) <= depth:
            found = _EXCEPTION.match(line)
            if found:
                rest = [text.strip() for text in lines[number + 1 :]]
                message = ' '.join([found.group(2), *rest]).strip()
                return found.group(1).rpartition('.')[2], message
            return line.strip().rpartition('.')[2], ''
    return 'Error', lines[-1].strip()


def read_crashes(folder: Path) -> list[Failure]:
    """Read all crash files of a run, oldest first."""
    return [read_crash(path) for path in sorted(folder.glob('crash-*.txt'))]


def report_name(scan: Scan) -> str:
    """Return the name of the report that a scan is in."""
    return f'{session_name(scan.subject, scan.session)}.html'


#: What statuses are called in the table.
STATUS = {'skipped': 'finished before'}


def ending_table(endings: list[Ending]) -> str:
    """Return what became of each scan as lines for people."""
    width = max((len(ending.scan.name) for ending in endings), default=0)
    column = max((len(STATUS.get(e.status, e.status)) for e in endings), default=0)
    lines = []
    for ending in endings:
        line = f'  {ending.scan.name:<{width}}  {STATUS.get(ending.status, ending.status)}'
        words = []
        if ending.minutes is not None and ending.status != 'skipped':
            words.append(f'{ending.minutes:.1f} min')
        if ending.status == 'skipped':
            words.append('with the same settings')
        if ending.status in ('finished', 'skipped'):
            words.append(report_name(ending.scan))
        if ending.failure:
            message = ending.failure.message or ending.failure.kind
            words.append(f'{message} [step {ending.failure.node.rpartition(".")[2]}]')
        line = f'{line:<{width + column + 4}}  {", ".join(words)}'
        if ending.failure and ending.failure.crash_file:
            line += f'\n  {"":<{width + column + 2}}  details: {ending.failure.crash_file}'
        lines.append(line.rstrip())
    return '\n'.join(lines)
