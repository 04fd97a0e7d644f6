#!/bin/sh
# Fuzzes every target (or those named) for FUZZ_SECONDS each, one after the other, at low priority.
#
#   tests/fuzz/run.sh [TARGET ...]
#
# What is new goes to tests/fuzz/found/TARGET, a finding to tests/fuzz/artifacts/TARGET; both stay out of the repository.
# FUZZ_EXTRA: a folder with more seeds, in folders named as the targets.
set -eu

cd "$(dirname "$0")"
seconds=${FUZZ_SECONDS:-600}
targets=${*:-"smartctl zpool_text zpool_json head target stored document vpd redis_reply"}

if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "installing cargo-fuzz from crates.io with cargo install"
    cargo install cargo-fuzz --locked
fi
# The fuzzer's instrumentation is asked for by flags that only nightly takes; stable does when told to.
toolchain=
if cargo +nightly --version >/dev/null 2>&1; then
    toolchain=+nightly
else
    echo "no nightly toolchain is here: building with this one and RUSTC_BOOTSTRAP=1"
    export RUSTC_BOOTSTRAP=1
fi

for target in $targets; do
    echo "fuzzing $target for $seconds s"
    # malloc: what one allocation may have; where the limits of a parser are to hold, little more than they allow.
    malloc=1024
    case $target in
        smartctl | zpool_json) dict=json length=16384 malloc=4 ;;
        stored) dict=json length=16384 ;;
        # What is measured before it is parsed: no more than the daemon may take.
        document) dict=json length=16384 malloc=24 ;;
        zpool_text) dict=zpool_text length=8192 malloc=4 ;;
        redis_reply) dict=redis length=20000 malloc=4 ;;
        *) dict=http length=20000 ;;
    esac
    mkdir -p "found/$target"
    # shellcheck disable=SC2086 # no toolchain is no argument
    nice -n 10 cargo $toolchain fuzz run --fuzz-dir . "$target" "found/$target" "corpus/$target" \
        ${FUZZ_EXTRA:+"$FUZZ_EXTRA/$target"} -- \
        -max_total_time="$seconds" -max_len="$length" -timeout=10 -rss_limit_mb=512 -malloc_limit_mb="$malloc" -dict="dict/$dict.dict" -print_final_stats=1
done
