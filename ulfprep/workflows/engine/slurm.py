"""Nodes as jobs of SLURM: with their own memory and CPUs, and told of when they are killed."""

import logging
import math
import os
import pickle
import shlex
import shutil
import time
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from nipype.pipeline.plugins.base import DistributedPluginBase

from ulfprep.bids.files import read_text
from ulfprep.workflows.engine import slurm_queue as queue
from ulfprep.workflows.engine.plugin import Telling, WorkerKilledError, part_of, result_of
from ulfprep.workflows.engine.slurm_job import ANSWER, TASK
from ulfprep.workflows.engine.slurm_words import (
    ASKED,
    job_script,
    memory_mb,
    reason_of,
    says,
    words_of_template,
)

LOGGER = logging.getLogger('nipype.workflow')
OURS = logging.getLogger('ulfprep')
#: What ``plugin_args`` may hold.
ARGUMENTS = frozenset({'template', 'sbatch_args', 'max_jobs', 'poll_seconds'})
#: Files of a job, in its folder.
SCRIPT, NUMBER, OUTPUT = 'job.sbatch', 'number', 'output.txt'
#: Folder of all jobs, in that of the workflow.
JOBS = 'jobs'
#: Reasons to wait that are no news.
_USUAL = frozenset({'None', 'Priority', 'Resources', 'BeginTime', ''})
#: Looks at its answer (``poll_seconds`` apart) before SLURM is asked after a job, and before it
#: is given up: files of other computers are seen late.
_ASK, _WAIT, _WAIT_LONG = 10, 5, 30
#: Seconds between attempts to hand in a job, and in which SLURM has to take one at all.
_AGAIN, _PATIENCE = 10.0, 600.0


@dataclass
class _Job:
    """A node on its way through SLURM."""

    node: object
    folder: Path
    words: list[str]
    made: float
    number: int | None = None
    submitted: float = 0.0
    tried: float = -math.inf
    gone: float | None = None
    told: str = ''


class ResilientSLURM(Telling, DistributedPluginBase):
    """Nipype's way to SLURM, made to survive the death of a job.

    As it comes, Nipype leaves memory and CPUs to the defaults of the site, asks after every job
    by a command of its own, needs LOGNAME and the variables of the run handed on, knows nothing
    of why a job ended, leaves jobs behind when it is ended itself, and renames results that
    another run would go on from.

    Parameters
    ----------
    plugin_args : dict
        ``template`` (first lines of each job's script, or a file with them), ``sbatch_args``
        (one string; it goes before what a node declares), ``max_jobs``, ``poll_seconds`` (1),
        ``log_level`` (of Nipype in jobs).
    """

    def __init__(self, plugin_args=None):
        super().__init__(plugin_args=plugin_args)
        asked = self.plugin_args
        template = asked.get('template') or '#!/bin/bash'
        if '\n' not in template and os.path.isfile(template):
            template = read_text(Path(template))
        self.template = template
        self.words = shlex.split(asked.get('sbatch_args') or '')
        self.poll = float(asked.get('poll_seconds', 1))
        self._jobs: dict[int, _Job] = {}
        self._number = 0
        self._finished: list[Path] = []
        self._states, self._asked = {}, -math.inf
        self._silent = False

    def run(self, graph, config, updatehash=False):
        """Run a graph; files of other computers are looked at less often than those of workers."""
        config = deepcopy(config)
        config['execution']['poll_sleep_duration'] = self.poll
        return super().run(graph, config, updatehash=updatehash)

    def stop(self) -> None:
        """Cancel what still runs, and wait until it is gone."""
        running = [job.number for job in self._jobs.values() if job.number is not None]
        self._cancel(running)
        for folder in self._finished:
            shutil.rmtree(folder, ignore_errors=True)
        self._jobs, self._finished = {}, []

    def _cancel(self, numbers: list[int]) -> None:
        if not numbers:
            return
        OURS.info('cancelling %d job(s) of SLURM', len(numbers))
        if left := queue.cancel(numbers):
            OURS.error('still there: job(s) %s of SLURM; see squeue', ', '.join(map(str, left)))

    def _prerun_check(self, graph):
        """Cancel what a run that was killed left behind: nothing else may write to its folders."""
        folders = {(_jobs_folder(node) / part_of(node)) for node in graph.nodes()}
        found = {}
        for path in (path for folder in folders for path in folder.glob(f'*/{NUMBER}')):
            text = path.read_text().strip()
            if text.isdecimal():
                found[int(text)] = path.parent
        known = (queue.states(found) or {}) if found else {}
        # A number may be another job's by now; the folder is not.
        self._cancel(
            [
                number
                for number, state in known.items()
                if not state.ended and Path(state.folder) == found[number]
            ]
        )
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)

    def _submit_job(self, node, updatehash=False):
        folder = _jobs_folder(node) / part_of(node) / f'{node.name}-{uuid4().hex[:8]}'
        folder.mkdir(parents=True)
        level = self.plugin_args.get('log_level', logging.WARNING)
        task = {'node': node, 'updatehash': updatehash, 'log_level': level}
        (folder / TASK).write_bytes(pickle.dumps(task))
        (folder / SCRIPT).write_text(job_script(self.template, folder), encoding='utf-8')
        self._number += 1
        self._jobs[self._number] = _Job(node, folder, self._words(node, folder), time.monotonic())
        return self._number

    def _words(self, node, folder: Path) -> list[str]:
        """Return the arguments of sbatch: those of the user, and what they leave open."""
        said = [*words_of_template(self.template), *self.words]
        wanted = {
            'memory': f'--mem={memory_mb(node.mem_gb)}M',
            'cpus': f'--cpus-per-task={node.n_procs}',
            'name': f'--job-name={part_of(node)}.{node.name}',
            # Percent signs are patterns there.
            'output': f'--output={str(folder / OUTPUT).replace("%", "%%")}',
        }
        if node.is_gpu_node():
            wanted['gpu'] = '--gres=gpu:1'
        own = [word for what, word in wanted.items() if not says(said, ASKED[what])]
        return [*own, *self.words, f'--chdir={folder}', str(folder / SCRIPT)]

    def _get_result(self, taskid):
        job = self._jobs[taskid]
        if job.number is None:
            return self._hand_in(job)
        answer = job.folder / ANSWER
        if answer.exists():
            return self._answer(answer, job)
        state = self._state(job)
        if state is None:
            return None
        now = time.monotonic()
        job.gone = job.gone or now
        wait = _WAIT_LONG if state.name in ('COMPLETED', 'FAILED', '') else _WAIT
        if now - job.gone < wait * self.poll:
            # A folder that was changed is read again from where it lies.
            (job.folder / '.look').touch()
            return None
        if answer.exists():
            return self._answer(answer, job)
        state = state if state.name else queue.recorded(job.number) or state
        asked = [*words_of_template(self.template), *job.words[:-2]]
        why = reason_of(job.number, state, asked, job.node.mem_gb, job.folder / OUTPUT)
        return result_of(WorkerKilledError(why))

    def _hand_in(self, job: _Job) -> dict | None:
        """Hand in a job; where SLURM takes none now, later."""
        now = time.monotonic()
        if now - job.tried < _AGAIN:
            return None
        job.tried = now
        try:
            job.number = queue.submit(job.words)
        except queue.BusyError as error:
            waiting = any(other.number is not None for other in self._jobs.values())
            if waiting or (now - job.made < _PATIENCE and 'violates' not in str(error)):
                LOGGER.info('%s: not taken by SLURM yet (%s)', job.node.fullname, error)
                return None
            return result_of(queue.SubmitError(_refused(str(error))))
        except queue.SubmitError as error:
            return result_of(queue.SubmitError(_refused(str(error))))
        job.submitted = time.monotonic()
        (job.folder / NUMBER).write_text(str(job.number))
        OURS.debug('%s is job %d of SLURM', job.node.fullname, job.number)
        return None

    def _answer(self, path: Path, job: _Job) -> dict:
        answer = pickle.loads(path.read_bytes())
        for level, text in answer.pop('messages', ()):
            OURS.log(level, '%s', text)
        self._took(job.node, answer)
        if not answer['traceback']:
            self._finished.append(job.folder)
        return answer

    def _state(self, job: _Job) -> queue.State | None:
        """Return how a job ended; None as long as it may still answer."""
        now = time.monotonic()
        if now - self._asked > _ASK * self.poll:
            self._asked = now
            numbers = [other.number for other in self._jobs.values() if other.number is not None]
            known = queue.states(numbers)
            if (known is None) != self._silent:
                self._silent = known is None
                OURS.warning('SLURM %s', 'does not answer' if self._silent else 'answers again')
            self._states = known
        # What was asked before a job was there says nothing of it.
        if self._states is None or self._asked < job.submitted:
            return None
        state = self._states.get(job.number, queue.State(''))
        if not state.name or state.ended:
            return state
        if state.name == 'PENDING' and state.reason not in {*_USUAL, job.told}:
            job.told = state.reason
            OURS.info('job %d (%s) waits: %s', job.number, job.node.fullname, state.reason)
        job.gone = None
        return None

    def _clear_task(self, taskid):
        self._jobs.pop(taskid)


def _jobs_folder(node) -> Path:
    return Path(node.base_dir) / node.fullname.partition('.')[0] / JOBS


def _refused(said: str) -> str:
    return f'SLURM does not take the job ({said}); mend plugin_args of --use-plugin'
