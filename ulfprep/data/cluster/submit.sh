#!/bin/bash
# Submits what is not done yet: an array with one participant a task, and the group level after it.
# Run it again for what failed or was killed: finished participants are not submitted again, nor are
# those that still wait or run.
#   ULFPREP_AT_ONCE=50 bash submit.sh     no more than 50 tasks at a time
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
cd -- "$here"
mkdir -p logs 'done' lists
exec 9>submit.lock
if ! flock -n 9; then
    echo 'submit.sh is already at work here; wait for it' >&2
    exit 75
fi
at_once=${ULFPREP_AT_ONCE:-}
if [[ -n $at_once && ! $at_once =~ ^[1-9][0-9]*$ ]]; then
    echo "ULFPREP_AT_ONCE=$at_once: is no whole number of at least 1" >&2
    exit 64
fi
generation=$(sed -n "s/^generation=//p" participant.sbatch)

# Participants that wait or run, and the arrays they are in.
declare -A list_of=() busy=()
arrays=()
if [[ -s jobs.tsv ]]; then
    while IFS=$'\t' read -r id list; do list_of[$id]=$list; done <jobs.tsv
    if ! queue=$(squeue --noheader --array --user "$(id -u)" --format '%F %K' | sort -n); then
        echo 'squeue does not answer, so nothing is submitted; try again later' >&2
        exit 75
    fi
    last=
    while read -r id task; do
        [[ -n ${list_of[${id:-0}]:-} && $task =~ ^[0-9]+$ ]] || continue
        if [[ $id != "$last" ]]; then
            mapfile -t labels <"${list_of[$id]}"
            arrays+=("$id")
            last=$id
        fi
        busy[${labels[task - 1]}]=1
    done <<<"$queue"
fi

waiting=()
finished=0
while IFS= read -r label; do
    mark=
    if [[ -s done/$label ]]; then read -r mark <"done/$label"; fi
    if [[ $mark == "$generation" ]]; then
        finished=$((finished + 1))
    elif [[ -z ${busy[$label]:-} ]]; then
        waiting+=("$label")
    fi
done <participants.txt
echo "${#waiting[@]} participant(s) to submit; $finished finished by earlier tasks, ${#busy[@]} still wait or run"

# No more tasks in an array than this cluster takes.
most=$(scontrol show config 2>/dev/null | sed -n 's/^MaxArraySize *= *//p' || true)
most=$((${most:-1001} - 1))
((most > 0)) || most=1
stamp=$(date +%Y%m%d-%H%M%S)-$$
for ((start = 0; start < ${#waiting[@]}; start += most)); do
    chunk=("${waiting[@]:start:most}")
    list=lists/$stamp-$((start / most + 1)).txt
    printf '%s\n' "${chunk[@]}" >"$list"
    if ! id=$(sbatch --parsable --array="1-${#chunk[@]}${at_once:+%$at_once}" participant.sbatch "$here" "$here/$list"); then
        echo "the scheduler took $start of ${#waiting[@]} participants and no more (see above); run submit.sh again when some are through" >&2
        exit 75
    fi
    id=${id%%;*}
    printf '%s\t%s\n' "$id" "$list" >>jobs.tsv
    arrays+=("$id")
    echo "array $id: ${#chunk[@]} participant(s)"
done

# One group job, after all of them: that of an earlier call is taken back if it still waits.
if [[ -s group.job ]]; then
    scancel --state=PENDING "$(<group.job)" 2>/dev/null || true
fi
after=()
if ((${#arrays[@]})); then
    after=("--dependency=afterany:$(IFS=:; echo "${arrays[*]}")")
fi
id=$(sbatch --parsable "${after[@]}" group.sbatch "$here")
printf '%s\n' "${id%%;*}" >group.job
if ((${#waiting[@]} == 0 && ${#busy[@]} == 0)); then
    echo "no participant is left to do; group level alone: job ${id%%;*}; its log: $here/logs"
else
    echo "group level after them: job ${id%%;*}; logs: $here/logs; then run submit.sh again for what failed"
fi
