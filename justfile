# Recipes for people; each calls a script or cargo, so that nothing needs `just` itself.

# every test, against SQLite and a throw-away Postgres
test *ARGS:
    scripts/test {{ARGS}}

# what CI runs
check:
    .ci/run

# write the files that are generated from the code
generate:
    UPDATE=1 cargo test --package restload --test it generated

# licences, sources and advisories of the dependencies
deny:
    scripts/deny

# build the restload to give out, by a profile of small loads
release:
    scripts/release

# time restload beside programs written by hand for the same work
bench *ARGS:
    scripts/bench {{ARGS}}
