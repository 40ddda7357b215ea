"""A stand-in for SLURM: ``sbatch`` runs each task at once, one after the other."""

import os
import subprocess
from pathlib import Path

SBATCH = r"""#!/bin/bash
echo "$*" >> "$SLURM_STANDIN/sbatch.txt"
array= ; options=()
while [[ $1 == --* ]]; do
    case $1 in --array=*) array=${1#--array=} ;; esac
    shift
done
[[ -e $SLURM_STANDIN/full ]] && { echo 'sbatch: error: limit reached' >&2; exit 1; }
id=$(( $(cat "$SLURM_STANDIN/last" 2>/dev/null || echo 100) + 1 ))
echo $id > "$SLURM_STANDIN/last"
echo $id
export SLURM_JOB_ID=$id SLURM_CPUS_PER_TASK=3 SLURM_MEM_PER_NODE=2048
if [[ -z $array ]]; then
    bash "$@" > logs/group_$id.out 2>&1
else
    array=${array%%%*}
    for task in $(seq "${array%-*}" "${array#*-}"); do
        SLURM_ARRAY_JOB_ID=$id SLURM_ARRAY_TASK_ID=$task bash "$@" > "logs/${id}_$task.out" 2>&1
    done
fi
exit 0
"""
#: In the place of ulfprep: notes its words, and ends as a file by the participant's name says.
PROGRAM = r"""#!/bin/bash
printf '%s\n' "$@" '' >> "$SLURM_STANDIN/words.txt"
label=$(printf '%s\n' "$@" | sed -n '/^--participant-label$/{n;p}')
work=$(printf '%s\n' "$@" | sed -n '/^--work-dir$/{n;p}')
[[ -z $work ]] || { [[ -d $work ]] && echo "$work" >> "$SLURM_STANDIN/work.txt"; }
exit "$(cat "$SLURM_STANDIN/ends/$label" 2>/dev/null || echo 0)"
"""
COMMANDS = {
    'sbatch': SBATCH,
    'squeue': '#!/bin/bash\ncat "$SLURM_STANDIN/queue" 2>/dev/null || true\n',
    'scontrol': '#!/bin/bash\necho "MaxArraySize            = 3"\n',
    'scancel': '#!/bin/bash\necho "$*" >> "$SLURM_STANDIN/scancel.txt"\n',
    'program': PROGRAM,
}


class Slurm:
    """The stand-in, its commands in a folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / 'ends').mkdir(parents=True)
        for name, text in COMMANDS.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    def submit(self, jobs: Path, **environment: str) -> subprocess.CompletedProcess:
        """Run ``submit.sh``; the program of all tasks is a stand-in too."""
        for name in ('participant.sbatch', 'group.sbatch'):
            script = jobs / name
            lines = script.read_text().splitlines(True)
            mine = f"program=('{self.folder / 'program'}')\n"
            script.write_text(''.join(mine if x.startswith('program=') else x for x in lines))
        variables = {
            'PATH': f'{self.folder}:{os.environ["PATH"]}',
            'SLURM_STANDIN': self.folder,
            'TMPDIR': self.folder,
        }
        return subprocess.run(
            ['bash', str(jobs / 'submit.sh')],
            env={**os.environ, **variables, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def end(self, label: str, code: int) -> None:
        """Say with which exit code a participant ends."""
        (self.folder / 'ends' / label).write_text(f'{code}\n')

    def runs(self) -> list[list[str]]:
        """Return the words of each run of the program, and forget them."""
        text = self._taken('words.txt').strip('\n')
        return [words.split('\n') for words in text.split('\n\n')] if text else []

    def submissions(self) -> list[str]:
        """Return the words of each call of sbatch, and forget them."""
        return self._taken('sbatch.txt').splitlines()

    def _taken(self, name: str) -> str:
        file = self.folder / name
        text = file.read_text() if file.exists() else ''
        file.unlink(missing_ok=True)
        return text
