# Compare restload with hand-written programs that do the same work; see `scripts/bench` for its arguments.
bench *arguments:
    scripts/bench {{ arguments }}
