"""Commands with the names of SLURM's, that run jobs on this computer.

A job begins with an empty environment, as where a site hands none on; one that is killed by
signal 9 counts as killed for memory.
"""

from pathlib import Path

_SBATCH = """#!/bin/bash
for word; do
  case $word in --chdir=*) dir=${word#*=};; --output=*) out=${word#*=};; esac
  script=$word
done
[ -s "$STATE/refuse" ] && { cat "$STATE/refuse" >&2; exit 1; }
number=$(( $(cat "$STATE/last" 2>/dev/null || echo 100) + 1 ))
echo $number >"$STATE/last"
printf '%s\\n' "$@" >"$STATE/$number.words"
echo "RUNNING|None|node1|$dir" >"$STATE/$number"
(
  cd "$dir"
  setsid env -i /bin/bash "$script" >"${out//%%/%}" 2>&1 &
  echo $! >"$STATE/$number.pid"
  wait $!
  case $? in 0) how=COMPLETED;; 137) how=OUT_OF_MEMORY;; 143) how=CANCELLED;; *) how=FAILED;; esac
  echo "$how|None|node1|$dir" >"$STATE/$number"
) >/dev/null 2>&1 </dev/null &
echo "$number;cluster"
"""
_SQUEUE = """#!/bin/bash
while [ "$1" != -j ]; do shift; done
for number in ${2//,/ }; do
  [ -e "$STATE/$number" ] && echo "$number|$(cat "$STATE/$number")"
done
exit 0
"""
_SCANCEL = """#!/bin/bash
for number; do
  while [ ! -s "$STATE/$number.pid" ]; do sleep 0.05; done
  kill -TERM -- -$(cat "$STATE/$number.pid") 2>/dev/null
done
"""


def install(folder: Path, monkeypatch) -> Path:
    """Put the commands on the PATH; return the folder that holds what they know."""
    commands, state = folder / 'bin', folder / 'state'
    commands.mkdir()
    state.mkdir()
    for name, script in (('sbatch', _SBATCH), ('squeue', _SQUEUE), ('scancel', _SCANCEL)):
        (commands / name).write_text(script)
        (commands / name).chmod(0o755)
    monkeypatch.setenv('PATH', str(commands), prepend=':')
    monkeypatch.setenv('STATE', str(state))
    return state
