"""A SLURM array of many participants, undisturbed and with a tenth of its tasks killed.

``bash .ci/scale OUT [PARTICIPANTS]`` runs it, compares the results byte by byte and writes
``OUT/scale.json`` and ``OUT/scale.md``. It needs ``sbatch``, and takes about 20 CPU seconds for
each participant and each of the two runs.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from same import differences
from scale_dataset import write_many
from scale_kill import Kills, plan_kills, watch
from scale_records import gaps, life, runs_of, scan_costs, spread, table

PROGRAM = [sys.executable, '-m', 'ulfprep.cli.main']
#: One CPU a task, so that as many tasks run as there are CPUs.
FLAGS = ['--sloppy', '--skip-bids-validation', '--nprocs', '1', '--omp-nthreads', '1']
#: Submissions until all participants have to be through.
ROUNDS = 5


def write_scripts(bids: Path, out: Path, scripts: Path, *more: str) -> None:
    """Have ulfprep write the scripts of an array."""
    words = [bids, out, 'participant', *FLAGS, '--write-sbatch', scripts, *more]
    words += ['--sbatch-arg=--export=ALL']
    subprocess.run([*PROGRAM, *map(str, words)], check=True)


def submit(scripts: Path) -> None:
    subprocess.run(['bash', str(scripts / 'submit.sh')], check=True)


def undone(scripts: Path) -> list[str]:
    """Return the participants that no task has finished."""
    labels = (scripts / 'participants.txt').read_text().split()
    return [label for label in labels if not (scripts / 'done' / label).is_file()]


def run_to_the_end(scripts: Path, kills: Kills | None = None) -> dict:
    """Submit until every participant is through; return how that went."""
    begin = time.time()
    unfinished = []
    for _ in range(ROUNDS):
        submit(scripts)
        watch(scripts, kills)
        kills = None
        unfinished.append(len(undone(scripts)))
        if not unfinished[-1]:
            break
    return {
        'submissions': len(unfinished),
        'unfinished after each': unfinished,
        'seconds from first submission to last end': round(time.time() - begin, 1),
    }


def tasks_of(scripts: Path) -> list[tuple[str, float, float, bool]]:
    """Return label, begin, end of each task that left a log, and whether it said how it ended."""
    found = []
    for log in sorted((scripts / 'logs').glob('[0-9]*_*.out')):
        text = log.read_text(errors='replace')
        label = text.partition('sub-')[2].partition(' ')[0]
        found.append((label, *life(log), f'sub-{label}: exit code' in text))
    return found


def measured(out: Path, scripts: Path, told: dict) -> dict:
    """Return what an array took, in words -> figures."""
    tasks = tasks_of(scripts)
    runs = runs_of(out)
    lives = [(begin, end) for _, begin, end, _ in tasks]
    starts, indexing = [], []
    for label, begin, end, _ in tasks:
        for start, times in runs.get(label, ()):
            if begin <= start <= end and 'selected' in times:
                starts.append(start - begin)
                indexing.append(times['selected'] - times['indexing'])
    costs = scan_costs(out)
    span = max(end for _, end in lives) - min(begin for begin, _ in lives)
    groups = [life(log) for log in (scripts / 'logs').glob('group_*.out')]
    return {
        'participants': len({label for label, *_ in tasks}),
        'scans': costs['scans'],
        'tasks': len(tasks),
        'tasks killed without a last word': sum(not ended for *_, ended in tasks),
        **told,
        'scans an hour': round(3600 * costs['scans'] / span, 1),
        'seconds of a task': spread([end - begin for begin, end in lives]),
        'seconds until a free place is taken': spread(gaps(lives)),
        'seconds of start-up before the first line of a log': spread(starts),
        'seconds to index and select': spread(indexing),
        'CPU seconds a scan': round(costs['cpu_seconds'], 1),
        'peak memory of a step, GB': round(costs['peak_gb'], 2),
        'files a scan, in logs': f'{costs["files"]:.1f}, {costs["log_files"]:.1f}',
        'MB a scan, in logs': f'{costs["mb"]:.1f}, {costs["log_mb"]:.2f}',
        'seconds of the group level': round(max(end - begin for begin, end in groups), 1),
    }


def leftovers(folder: Path) -> list[str]:
    """Return what killed runs were writing and nobody removed."""
    return sorted(str(path) for path in folder.rglob('.ulfprep-*'))


def main(arguments: list[str]) -> int:
    """Measure; return 1 if anything is lost, left over or not the same."""
    base = Path(arguments[0]).resolve()
    count = int(arguments[1]) if arguments[1:] else 40
    os.environ |= {'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(Path(__file__).resolve().parents[2])}
    bids, one, other = base / 'in', base / 'undisturbed', base / 'killed'
    names = write_many(bids, count)
    print(f'{count} participants with {len(names)} scans in {bids}', flush=True)
    found: dict = {}

    write_scripts(bids, one, base / 'scripts-undisturbed')
    told = run_to_the_end(base / 'scripts-undisturbed')
    found['undisturbed'] = measured(one, base / 'scripts-undisturbed', told)

    # Work folders are kept here, so that what is killed goes on where it was.
    work = base / 'work'
    write_scripts(bids, other, base / 'scripts-killed', '--work-dir', str(work))
    kills = plan_kills(count, found['undisturbed']['seconds of a task']['median'])
    told = run_to_the_end(base / 'scripts-killed', kills)
    found['killed'] = measured(other, base / 'scripts-killed', told)
    sizes = [path.stat().st_size for path in work.rglob('*') if path.is_file()]
    found['killed']['MB of work folder a scan'] = round(sum(sizes) / 1e6 / len(names), 1)

    quality = {path.name for path in other.rglob('*_desc-qc_T1w.json')}
    found['kills'] = [{'task': t, 'after': s, 'way': way} for t, s, way in kills.done]
    found['lost'] = [name for name in names if f'{name}_desc-qc_T1w.json' not in quality]
    found['differences'] = differences(one, other)
    found['leftovers'] = leftovers(one) + leftovers(other)
    (base / 'scale.json').write_text(json.dumps(found, indent=2) + '\n')
    (base / 'scale.md').write_text(table(found) + '\n')
    print((base / 'scale.md').read_text())
    for what in ('kills', 'lost', 'differences', 'leftovers'):
        print(f'{what}: {len(found[what])}', *found[what][:20], sep='\n  ')
    return int(any(found[what] for what in ('lost', 'differences', 'leftovers')))


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
