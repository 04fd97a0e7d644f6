#!/bin/sh
# Runs the demo of the package with the programs of this source tree.
set -eu
cd "$(dirname "$0")/.."

export JBOD_DEMO_DAEMON="target/release/jbod-monitor" JBOD_DEMO_SIM="target/release/jbod-sim"
export JBOD_LISTEN="${JBOD_LISTEN:-127.0.0.1:9780}"
exec packaging/demo/jbod-monitor-demo "$@"
