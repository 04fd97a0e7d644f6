#!/bin/sh
# The dependencies: licences, bans, sources and advisories by deny.toml, and whether each is used. Of both packages.
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

# Fetched apart, so that a database that is not to be had is told from one that has something to say.
if "$cargo" deny --config deny.toml fetch db; then
    for package in . tests/fuzz; do
        deny $package advisories
    done
else
    echo "advisories are NOT checked: the database (github.com/rustsec/advisory-db) cannot be fetched" >&2
fi
