# Recipes for working on Pontual; `just` alone lists them.

_help:
    @just --list --unsorted

# Run everything in one process and print the URLs
dev *ARGS:
    cargo run -- dev {{ ARGS }}

# Run the tests, or those whose names contain FILTER
test *FILTER:
    cargo test {{ FILTER }}

# Everything CI asks, in the order of what fails fastest
check: fmt lint test docs deny

# Format check
fmt:
    cargo fmt --check

# Clippy, warnings are errors
lint:
    cargo clippy --all-targets -- -D warnings

# Documentation with its links checked
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items

# Bans, licences and sources of the dependencies
deny:
    cargo deny check bans licenses sources

# Measure the whole program under load (`just bench -- --quick` in two minutes); or one of the others in benches/, as `just bench --bench delivery`
bench *ARGS:
    cargo bench {{ if ARGS =~ '--bench' { ARGS } else { "--bench load " + ARGS } }}

# Half a load for an hour, and whether memory grows; SOAK_MINUTES, SOAK_RATE (messages a second)
soak:
    cargo bench --bench load -- --soak

# Kill, restart and break everything under load, and judge every promise; CHAOS_SEED, _CUSTOMERS, _SECONDS, _RUNS
chaos:
    CHAOS_CUSTOMERS=${CHAOS_CUSTOMERS:-40} CHAOS_SECONDS=${CHAOS_SECONDS:-60} cargo test --test chaos every_promise -- --nocapture

# Break each promise on purpose and see that the crash test names it, about ten minutes; CHAOS_SABOTAGE runs one
sabotage:
    cargo test --test chaos each_sabotage -- --ignored --nocapture

# The API against its own description, by schemathesis
schemathesis *ARGS:
    .ci/schemathesis {{ ARGS }}

# Ten thousand random conversations of fifty events for each property, some minutes
properties:
    SEQUENCES=10000 cargo test --release --lib conversation::tests::properties

# What each state answers to each kind of input, as a table
coverage-table:
    cargo test --quiet --lib every_state_answers -- --nocapture

# psql on the database that `just dev` runs
psql *ARGS:
    psql "$(cat .data/database-url)" {{ ARGS }}

# Start the deployment of docker-compose.yml
up *ARGS:
    docker compose up --detach --build {{ ARGS }}

# Stop it; its data stay
down *ARGS:
    docker compose down {{ ARGS }}
