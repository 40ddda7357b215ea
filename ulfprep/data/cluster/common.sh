say() {
    printf '%s  %s\n' "$(date '+%Y-%m-%d %H:%M:%S %z')" "$*"
}

# What an exit code of ulfprep means.
meaning() {
    case $1 in
        0) echo 'finished' ;;
        1) echo 'some scan failed: see above, mend it, run submit.sh again' ;;
        2 | 64) echo 'flags or folders contradict each other: see above' ;;
        16 | 18 | 65 | 66) echo 'the input cannot be used: see above' ;;
        73) echo 'an output cannot be created: see above' ;;
        74) echo 'reading or writing failed: make room, run submit.sh again' ;;
        75) echo 'temporary (killed for memory, or the participant is in work elsewhere): run submit.sh again' ;;
        129 | 130 | 143) echo 'ended from outside or at the time limit (--time): run submit.sh again' ;;
        137) echo 'killed from outside, perhaps for memory (--mem): run submit.sh again' ;;
        *) echo 'see above' ;;
    esac
}

# Run a command; the signal that the scheduler sends before the end reaches it, so that it ends in
# good order. Its exit code is in $code afterwards.
run_to_its_end() {
    "$@" &
    local child=$!
    trap 'say "ended by the scheduler (its time limit, or scancel)"; kill -TERM "$child" 2>/dev/null || true' TERM INT HUP
    code=0
    wait "$child" || code=$?
    # A trap ends the waiting, not the command.
    while kill -0 "$child" 2>/dev/null; do
        code=0
        wait "$child" || code=$?
    done
    trap - TERM INT HUP
}

# The words that run ulfprep: $program, or the image with $binds and $own_binds.
words_of_program() {
    if [[ -z $image ]]; then
        words=("${program[@]}")
        return
    fi
    local runtime
    runtime=$(command -v apptainer || command -v singularity) || {
        echo 'neither apptainer nor singularity is on the PATH of this node' >&2
        exit 69
    }
    words=("$runtime" run --cleanenv --containall "${container_flags[@]}")
    # Of the environment only what says how much memory there is.
    if [[ -n ${SLURM_MEM_PER_NODE:-} ]]; then
        words+=(--env "SLURM_MEM_PER_NODE=$SLURM_MEM_PER_NODE")
    fi
    local bind
    for bind in "${binds[@]}" "${own_binds[@]}"; do
        words+=(-B "$bind")
    done
    words+=("$image")
}
