"""What an output and a work folder know of runs: locks, records, what is finished."""
