#!/usr/bin/env bash
# What a user does with the image file on a cluster, as the README says:  jobs.sh WORK [OPTION ...]
# WORK holds data, ulfprep.sif, venv with the same versions, and folders for what comes out;
# OPTIONs go to ulfprep.
set -euo pipefail
work=$1
shift
cd ~

# On one computer, all at once; the cluster has work meanwhile.
alone=(apptainer run --cleanenv --containall --bind "$work/data:/data:ro"
    --bind "$work/apptainer:/out" --bind "$work/apptainer-work:/work" "$work/ulfprep.sif" /data /out)
{ "${alone[@]}" participant -w /work "$@" && "${alone[@]}" group; } >alone.log 2>&1 &
process=$!
trap 'kill "$process" 2>/dev/null || true' EXIT

# On a cluster: one task a participant, then the group level.
apptainer run --cleanenv --containall --bind "$work/data:$work/data:ro" --bind "$work/array" \
    --bind "$work/jobs" "$work/ulfprep.sif" "$work/data" "$work/array" participant "$@" \
    --write-sbatch "$work/jobs"
wait_for_all() {
    while [ -n "$(squeue --noheader --user "$(id -un)")" ]; do sleep 1; done
}
bash "$work/jobs/submit.sh"
# A task is ended on its way; submitted again, it alone is run.
task=$(tail -n 1 "$work/jobs/jobs.tsv" | cut -f 1)_1
until [ "$(squeue --noheader --jobs "$task" --format %T)" = RUNNING ]; do sleep .5; done
sleep 8
scancel "$task"
wait_for_all
if [ -e "$work/jobs/done/01" ] || [ ! -e "$work/jobs/done/02" ]; then
    echo "sub-01 should have been ended, and sub-02 be done: $(ls "$work/jobs/done")" >&2
    exit 1
fi
bash "$work/jobs/submit.sh" | tee "$work/jobs/again.txt"
grep -q '^1 participant(s) to submit; 1 finished' "$work/jobs/again.txt"
wait_for_all
for log in "$work"/jobs/logs/*; do
    echo "$log:"
    tail -n 2 "$log"
done
test -s "$work/array/group.html"

code=0
wait "$process" || code=$?
cat alone.log
exit $code
