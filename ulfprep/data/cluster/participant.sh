# Where this folder is, and the list of the participants of this array: submit.sh says both.
here=${1:-$here}
list=${2:-$here/participants.txt}
cd -- "$here"
task=${SLURM_ARRAY_TASK_ID:?is not set: submit this by submit.sh beside it}
label=$(sed -n "${task}p" -- "$list")
if [[ -z $label ]]; then
    echo "$list: holds no line $task" >&2
    exit 64
fi
job=${SLURM_ARRAY_JOB_ID:-0}_$task
cpus=${SLURM_CPUS_PER_TASK:-$cpus}
say "sub-$label on $(hostname), job $job, $cpus CPU(s), ${SLURM_MEM_PER_NODE:-?} MB"

if [[ -n $work_root ]]; then
    # Kept: what is through when a task is killed need not be computed again.
    work=$work_root/sub-$label
    inside_work=$inside_work_root/sub-$label
    mkdir -p -- "$work"
else
    base=${SLURM_TMPDIR:-${TMPDIR:-/tmp}}
    # What tasks left that were killed; those of living ones are locked.
    while IFS= read -r -d '' old; do
        # shellcheck disable=SC2094
        (flock -n 8 && rm -rf -- "$old") 8<"$old" || true
    done < <(find "$base" -mindepth 1 -maxdepth 1 -type d -name 'ulfprep-[0-9]*_[0-9]*-??????' -user "$(id -u)" -mmin +1 -print0)
    work=$(mktemp -d -- "$base/ulfprep-$job-XXXXXX")
    exec 9<"$work"
    flock -n 9 || true
    trap 'rm -rf -- "$work"' EXIT
    inside_work=$work
    [[ -z $image ]] || inside_work=/ulfprep-work
fi

own_binds=("$here:$inside_here:ro" "$work:$inside_work")
words_of_program
run_to_its_end "${words[@]}" --config-file "$inside_here/settings.toml" \
    --participant-label "$label" --work-dir "$inside_work" \
    --nprocs "$cpus" --omp-nthreads "${threads:-$cpus}" "${flags[@]}"

if [[ $code == 0 ]]; then
    mkdir -p 'done'
    printf '%s\n' "$generation" >"done/$label"
fi
say "sub-$label: exit code $code: $(meaning "$code")"
exit "$code"
