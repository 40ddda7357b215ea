"""What a job of SLURM runs: one node, and its answer in a file.

``python -m ulfprep.workflows.engine.slurm_job FOLDER``
"""

import logging
import pickle
import sys
from pathlib import Path
from traceback import format_exception

#: A node that is to be run, and what came of it.
TASK, ANSWER = 'task.pickle', 'answer.pickle'


class _Heard(logging.Handler):
    """Keeps what is logged, for the log of the run: many nodes cannot write to one file."""

    def __init__(self):
        super().__init__(logging.INFO)
        self.said = []

    def emit(self, record):
        self.said.append((record.levelno, record.getMessage()))


def run_task(folder: Path) -> None:
    """Run the node that lies in a folder, and put what came of it beside it.

    Parameters
    ----------
    folder : Path
        With ``task.pickle``: ``node``, ``updatehash``, ``log_level``. The answer is that
        of :func:`ulfprep.workflows.engine.workers.run_measured`, and ``messages``: level and text
        of what ulfprep logged.
    """
    from ulfprep.bids.files import write_bytes
    from ulfprep.workflows.engine.workers import quieten, run_measured

    task = pickle.loads((folder / TASK).read_bytes())
    quieten(task['log_level'], None)
    heard = _Heard()
    logging.getLogger('ulfprep').addHandler(heard)
    answer = run_measured(task['node'], task['updatehash'], 0)
    answer['messages'] = heard.said
    write_bytes(folder / ANSWER, _packed(answer))  # appears whole or not at all


def _packed(answer: dict) -> bytes:
    try:
        return pickle.dumps(answer)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        story = format_exception(error)
        return pickle.dumps({'result': None, 'traceback': story, 'taskid': 0})


if __name__ == '__main__':
    run_task(Path(sys.argv[1]))
