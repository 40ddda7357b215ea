"""``--write-sbatch``: the jobs that process a dataset on a cluster, written and not submitted."""

import dataclasses
import os
import shlex
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from ulfprep.cli.config import ONCE
from ulfprep.cli.dry_run import LIMIT, counted
from ulfprep.cli.environment import prepared
from ulfprep.cli.exit_codes import Exit, Stop, usage
from ulfprep.cli.logs import logging_to
from ulfprep.cli.paths import make_folder, same, within
from ulfprep.settings import Settings

if TYPE_CHECKING:
    from ulfprep.bids.task import Scan
    from ulfprep.cluster.places import Places

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

    Returns
    -------
    Exit
        OK.

    Raises
    ------
    Stop
        If a run could not begin, no selected scan could be used, or the jobs cannot be written.
    """
    from ulfprep.cluster.places import MOUNTS, Places

    mounts = MOUNTS.read_text(errors='surrogateescape') if MOUNTS.exists() else ''
    places = Places.of(os.environ, mounts)
    with tempfile.TemporaryDirectory(prefix='ulfprep-') as scratch:
        # This process itself needs a work folder for a moment only.
        own = dataclasses.replace(settings, work_dir=Path(scratch))
        with prepared(own), logging_to(None, settings.verbose):
            _check_folders(settings, own, places)
            return _write(settings, own, places)


def _check_folders(settings: Settings, own: Settings, places: 'Places') -> None:
    """Refuse what would stop the tasks, as far as it can be known here."""
    from ulfprep.cli.preflight import check_plugin, check_request

    # The group level, which --group-by is of, is among the jobs.
    check_request(dataclasses.replace(own if settings.node_local_work else settings, group_by=''))
    check_plugin(settings.use_plugin)
    folder, image = settings.write_sbatch, settings.container_image
    for other, what in ((settings.bids_dir, 'input dataset'), (settings.output_dir, 'output')):
        if same(folder, other) or within(folder, other):
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
    from ulfprep.cli.preflight import make_outputs, resolve_segmentation
    from ulfprep.cli.select import check_valid, select_scans
    from ulfprep.cluster import scripts
    from ulfprep.cluster.places import PlaceError
    from ulfprep.cluster.request import request
    from ulfprep.workflows.screen import FINISHED, REFUSED, RUN, outlook

    image = places.image if settings.container_image is None else str(settings.container_image)
    settings = _resolved(settings, contained=bool(image))
    selection, tasks = select_scans(own)
    check_valid(selection, own)
    known = settings
    if settings.segmentation == 'auto':  # other software need not be where jobs are written
        chosen = resolve_segmentation('auto', settings.tissue_prior)
        known = dataclasses.replace(settings, segmentation=chosen)
    plan = outlook(tasks, known)
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
    try:
        program, folders = _program(settings, selection.scans, image, places)
    except PlaceError as error:
        raise usage(str(error)) from error
    participant = scripts.participant_script(
        asked,
        program,
        folders,
        uuid4().hex[:12],
        sbatch_args=settings.sbatch_args,
        flags=[f'--{name.replace("_", "-")}' for name in PASSED if getattr(settings, name)],
        gpu=settings.uses_gpu,
    )
    group = [str(settings.bids_dir), str(settings.output_dir), 'group']
    group += ['--group-by', settings.group_by] if settings.group_by else []
    # The validator was run here.
    of_tasks = dataclasses.replace(settings, skip_bids_validation=True)
    content = (
        HEADING + of_tasks.to_toml(NOT_OF_TASKS),
        ''.join(f'{label}\n' for label in labels),
        participant,
        scripts.group_script(program, folders, group, settings.sbatch_args),
        scripts.submit_script(),
    )
    for name, text in zip(WRITTEN, content, strict=True):
        write_text(settings.write_sbatch / name, text)
    _tell(f'{len(plan)} scan(s) of {len(fates)} participant(s): {counted(plan)}')
    said = 'no participant is left to do; submit.sh would submit the group level alone'
    if labels:
        said = (
            f'{len(labels)} task(s), each {asked.cpus} CPU(s), {asked.memory_mb} MB and '
            f'{asked.minutes} min; change them in {folders.here}/participant.sbatch'
        )
    _tell(said)
    print(f'bash {shlex.quote(f"{folders.here}/submit.sh")}')
    return Exit.OK


def _tell(text: str) -> None:
    print(f'ulfprep: {text}', file=sys.stderr)


def _resolved(settings: Settings, contained: bool) -> Settings:
    """Return settings that mean the same on every node.

    What a node lacks is then an error there, and not another method. In a container all nodes
    have the same.
    """
    from ulfprep.cli.preflight import reference_digest, resolve_segmentation

    segmentation = settings.segmentation
    if not contained:
        segmentation = resolve_segmentation(segmentation, settings.tissue_prior)
    return dataclasses.replace(
        settings,
        segmentation=segmentation,
        # A GPU has to be asked for: nodes that have one and nodes that have none differ.
        device='cpu' if settings.device == 'auto' else settings.device,
        target_like_digest=reference_digest(settings),
    )


def _program(settings: Settings, scans: 'Iterable[Scan]', image: str, places: 'Places'):
    """Return how tasks call ulfprep, and their folders."""
    from ulfprep.cluster.inputs import binds_of
    from ulfprep.cluster.places import bind
    from ulfprep.cluster.scripts import Folders, Program

    here, work = settings.write_sbatch, '' if settings.node_local_work else settings.work_dir
    folders = Folders(
        places.on_host(here), str(here), work and places.on_host(work), str(work) if work else ''
    )
    if not image:
        words = (sys.executable, '-m', 'ulfprep')
        return Program(words, os.environ.get('PYTHONPATH', '')), folders
    bind(folders.here, str(here))  # refused here, not in every task
    if work:
        bind(folders.work, str(work))
    flags = ('--nv',) if settings.uses_gpu else ()
    binds = binds_of(settings, places, [scan.path for scan in scans])
    return Program((), '', image, flags, binds), folders
