# Short commands for daily work; `just` alone lists them. `tests/run` is what must pass in the end.

_list:
    @just --list --unsorted

# Formatting and lints, as tests/run checks them
check:
    cargo fmt --all --check
    cargo clippy --locked --workspace --all-targets -- -D warnings
    cargo clippy --locked --no-default-features -- -D warnings

# All tests of one layer (core, contracts, e2e, edge, browser, nginx, sdk), or those whose name contains a word: `just test core promise_2`
test layer *words:
    cargo test --locked --test {{ layer }} -- {{ words }}

# Unit tests of all crates
unit *words:
    cargo test --locked --workspace --lib -- {{ words }}

# Everything that must hold before a change is good
all:
    tests/run

# Tandem in front of the simulated platform, e.g. `just sandbox --client public`
sandbox *options:
    cargo run -- sandbox {{ options }}

# Write the snapshots of one layer anew, then show what has changed: review it like code
snap layer:
    INSTA_UPDATE=always cargo test --locked --test {{ layer }}
    git diff -- '*.snap'

# One benchmark: decide, footprint, load, logouts, streaming
bench name:
    cargo bench --locked --no-default-features --bench {{ name }}

# The documentation of the code, private items included
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items
