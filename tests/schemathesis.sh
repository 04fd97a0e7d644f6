#!/bin/sh
# Asks a simulated host, as the document of the API says, for everything that it allows and for much that it does
# not; https://schemathesis.io. By hand, after a change of the API: cargo build && tests/schemathesis.sh
set -eu
cd "$(dirname "$0")/.."

if ! command -v schemathesis >/dev/null 2>&1; then
    echo "needed, and not here: schemathesis (pip install schemathesis)" >&2
    exit 1
fi
programs="$PWD/target/debug"
port=${PORT:-19781}
host=$(mktemp -d)
daemon=
finish() {
    [ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
    [ -z "$daemon" ] || wait "$daemon" 2>/dev/null || true
    rm -rf "$host"
}
trap finish EXIT
trap 'exit 1' INT TERM

"$programs/jbod-sim" host "$host" --enclosures 1 --bays 12 --drives 10 --paths 1
# Nothing listens on port 1: without Redis the answers are the same.
env -i PATH="$PATH" JBOD_ROOT="$host" SMARTCTL_PATH="$host/bin/smartctl" ZPOOL_PATH="$host/bin/zpool" REDIS_PORT=1 \
    JBOD_LISTEN="127.0.0.1:$port" "$programs/jbod-monitor" serve 2>"$host/log.txt" &
daemon=$!
tries=0
until curl -sf -o /dev/null "http://127.0.0.1:$port/readyz"; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { cat "$host/log.txt" >&2; exit 1; }
    sleep 0.1
done
cd "$host"
schemathesis run "http://127.0.0.1:$port/openapi.json" --checks all --max-examples "${EXAMPLES:-40}" --workers 1 \
    --continue-on-failure "$@"
