"""``--write-sbatch``: the jobs that process a dataset on a cluster, written and not submitted."""

import dataclasses
import os
import shlex
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from ulfprep.cli.environment import prepared
from ulfprep.cli.exit_codes import Exit, Stop, ending_at, usage
from ulfprep.cli.parser import ONCE
from ulfprep.cli.paths import at_or_in, make_folder
from ulfprep.cli.preflight import check_plugin, check_request, make_outputs, resolved
from ulfprep.cli.select import LIMIT, check_valid, counted, select_scans
from ulfprep.log_file import logging_to
from ulfprep.settings import Settings

if TYPE_CHECKING:
    from ulfprep.cluster.places import Places
    from ulfprep.cluster.scripts import Call

#: What is written, and how the first of them begins.
SETTINGS, HEADING = 'settings.toml', '# Settings of all tasks, which --config-file reads.\n'
WRITTEN = (SETTINGS, 'participants.txt', 'participant.sbatch', 'group.sbatch', 'submit.sh')
#: Flags that are no settings of a repeated run, but of these tasks.
PASSED = ('force', 'write_graph')
#: Settings that each task has of its own, or none has. To index one participant takes less time
#: than to read the index of all.
NOT_OF_TASKS = ONCE | {
    'participant_label', 'nprocs', 'work_dir', 'bids_database_dir', 'group_by',
}  # fmt: skip


def write_sbatch(settings: Settings) -> Exit:
    """Write the jobs of a cluster: one task a participant, and the group level after them.

    Nothing is computed, and nothing submitted. Participants whose scans are all finished get no
    task. The validator looks at the dataset here, once for all tasks.
    """
    from ulfprep.cluster.places import MOUNTS, PlaceError, Places

    mounts = MOUNTS.read_text(errors='surrogateescape') if MOUNTS.exists() else ''
    places = Places.of(os.environ, mounts)
    with tempfile.TemporaryDirectory(prefix='ulfprep-') as scratch:
        # This process itself needs a work folder for a moment only.
        own = dataclasses.replace(settings, work_dir=Path(scratch))
        with prepared(own), logging_to(None, settings.verbose):
            _check_folders(settings, own, places)
            with ending_at({PlaceError: Exit.USAGE}):
                return _write(settings, own, places)


def _check_folders(settings: Settings, own: Settings, places: 'Places') -> None:
    """Refuse what would stop the tasks, as far as it can be known here."""
    # The group level, which --group-by is of, is among the jobs.
    check_request(dataclasses.replace(own if settings.node_local_work else settings, group_by=''))
    check_plugin(settings.use_plugin)
    folder, image = settings.write_sbatch, settings.container_image
    for other, what in ((settings.bids_dir, 'input dataset'), (settings.output_dir, 'output')):
        if at_or_in(folder, other):
            raise usage(
                f'{folder}: the folder for the jobs lies in the {what} {other}; name another with '
                '--write-sbatch'
            )
    if settings.clean_workdir:
        raise usage(
            '--clean-workdir would remove what a task needs to continue when it is submitted '
            'again; leave it out'
        )
    # Inside a container, the files of the host are not all visible.
    if image and not places.image and not image.exists():
        raise Stop(Exit.NO_INPUT, f'{image}: there is no such image; mend --container-image')
    if theirs := _of_others(folder):
        raise usage(
            f'{folder}: holds {", ".join(theirs)}, which --write-sbatch did not write; name '
            'another folder with --write-sbatch'
        )
    make_folder(folder, '--write-sbatch')


def _of_others(folder: Path) -> list[str]:
    """Return which files of a folder would be replaced, unless jobs were written there before."""
    try:
        if (folder / SETTINGS).read_text(encoding='utf-8').startswith(HEADING):
            return []
    except (OSError, ValueError):
        pass
    return [name for name in WRITTEN if os.path.lexists(folder / name)]


def _write(settings: Settings, own: Settings, places: 'Places') -> Exit:
    from ulfprep.bids.files import write_text
    from ulfprep.bids.names import natural
    from ulfprep.cluster import scripts
    from ulfprep.cluster.request import request
    from ulfprep.workflows.screen import FINISHED, REFUSED, RUN, outlook

    image = places.image if settings.container_image is None else str(settings.container_image)
    # In a container all nodes have the same, and what is in it is not known here.
    settings = resolved(settings, here=not image)
    if settings.device == 'auto':  # nodes that have a GPU and nodes that have none differ
        settings = dataclasses.replace(settings, device='cpu')
    selection, tasks = select_scans(own)
    check_valid(selection, own)
    plan = outlook(tasks, settings)
    refused = [one for one in plan if one.fate == REFUSED]
    for one in refused[:LIMIT]:
        _tell(f'{one.name}: would be refused: {one.why}')
    if len(refused) > LIMIT:
        _tell(f'and {len(refused) - LIMIT} more scan(s); --dry-run lists all')
    if len(refused) == len(plan):
        raise Stop(
            Exit.BAD_DATA, f'{settings.bids_dir}: no selected scan can be processed; see above'
        )
    fates = defaultdict(set)
    for task, one in zip(tasks, plan, strict=True):
        fates[task.scan.subject].add(one.fate)
    labels = [label for label, found in fates.items() if found != {FINISHED}]
    labels.sort(key=lambda label: natural(f'sub-{label}_T1w'))
    to_run = [task for task, one in zip(tasks, plan, strict=True) if one.fate == RUN]
    asked = request(to_run, settings)
    make_outputs(settings)
    call = _call(settings, [scan.path for scan in selection.scans], image, places)
    flags = [f'--{name.replace("_", "-")}' for name in PASSED if getattr(settings, name)]
    group = [str(settings.bids_dir), str(settings.output_dir), 'group']
    group += ['--group-by', settings.group_by] if settings.group_by else []
    # The validator was run here.
    of_tasks = dataclasses.replace(settings, skip_bids_validation=True)
    content = (
        HEADING + of_tasks.to_toml(NOT_OF_TASKS),
        ''.join(f'{label}\n' for label in labels),
        scripts.participant_script(call, asked, uuid4().hex[:12], flags),
        scripts.group_script(call, group),
        scripts.submit_script(),
    )
    for name, text in zip(WRITTEN, content, strict=True):
        write_text(settings.write_sbatch / name, text)
    _tell(f'{len(plan)} scan(s) of {len(fates)} participant(s): {counted(plan)}')
    if labels:
        _tell(
            f'{len(labels)} task(s), each {asked.cpus} CPU(s), {asked.memory_mb} MB and '
            f'{asked.minutes} min; change them in {call.here}/participant.sbatch'
        )
    else:
        _tell('no participant is left to do; submit.sh would submit the group level alone')
    print(f'bash {shlex.quote(f"{call.here}/submit.sh")}')
    return Exit.OK


def _tell(text: str) -> None:
    print(f'ulfprep: {text}', file=sys.stderr)


def _call(settings: Settings, images: list[Path], image: str, places: 'Places') -> 'Call':
    """Return how and where tasks call ulfprep."""
    from ulfprep.cluster.places import bind, binds_of
    from ulfprep.cluster.scripts import Call

    here, work = settings.write_sbatch, '' if settings.node_local_work else settings.work_dir
    call = Call(
        places.on_host(here),
        str(here),
        places.on_host(work) if work else '',
        str(work),
        gpu=settings.uses_gpu,
        sbatch_args=settings.sbatch_args,
    )
    if not image:
        words = (sys.executable, '-m', 'ulfprep')
        return dataclasses.replace(call, words=words, python_path=os.environ.get('PYTHONPATH', ''))
    bind(call.here, call.inside_here)  # refused here, not in every task
    if work:
        bind(call.work, call.inside_work)
    return dataclasses.replace(call, image=image, binds=binds_of(settings, places, images))
