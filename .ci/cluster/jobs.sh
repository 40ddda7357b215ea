#!/usr/bin/env bash
# What a user does with the image file on a cluster, as the README says:  jobs.sh WORK [OPTION ...]
# WORK holds data, apptainer, array, jobs and ulfprep.sif; OPTIONs go to ulfprep.
set -euo pipefail
work=$1
shift
cd ~

# On one computer, all at once.
alone=(apptainer run --cleanenv --containall --bind "$work/data:/data:ro"
    --bind "$work/apptainer:/out" --bind "$work/apptainer-work:/work" "$work/ulfprep.sif" /data /out)
"${alone[@]}" participant -w /work "$@"
"${alone[@]}" group

# On a cluster: one task a participant, then the group level.
apptainer run --cleanenv --containall --bind "$work/data:$work/data:ro" --bind "$work/array" \
    --bind "$work/jobs" "$work/ulfprep.sif" "$work/data" "$work/array" participant "$@" \
    --write-sbatch "$work/jobs"
bash "$work/jobs/submit.sh"
while [ -n "$(squeue --noheader --user "$(id -un)")" ]; do sleep 2; done
tail -n 3 "$work"/jobs/logs/*
test -s "$work/array/group.html"
