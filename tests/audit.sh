#!/bin/sh
# Checks the dependencies of both packages: licences, bans, sources and advisories (deny.toml), and unused ones.
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}

tests/need.sh cargo-deny cargo-machete

# deny PACKAGE CHECK...
deny() {
    echo "cargo deny, $*"
    manifest=$1/Cargo.toml
    shift
    "$cargo" deny --locked --config deny.toml --manifest-path "$manifest" check "$@"
}

for package in . tests/fuzz; do
    deny $package licenses bans sources
done
"$cargo" machete . tests/fuzz

# The database is fetched separately, to distinguish a failed download from an advisory.
if "$cargo" deny --config deny.toml fetch db; then
    for package in . tests/fuzz; do
        deny $package advisories
    done
else
    echo "advisories are NOT checked: the database (github.com/rustsec/advisory-db) cannot be fetched" >&2
fi
