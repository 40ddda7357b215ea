here=${1:-$here}
cd -- "$here"
say "group level on $(hostname), job ${SLURM_JOB_ID:-0}"
own_binds=()
words_of_program
run_to_its_end "${words[@]}" "${arguments[@]}"
say "group level: exit code $code: $(meaning "$code")"
exit "$code"
