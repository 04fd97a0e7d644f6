#!/bin/sh
# The main job, end to end: a simulated 78-bay rack, the real daemon, a real Redis.
#   tests/demo.sh          runs until Ctrl-C
#   tests/demo.sh --once   starts, asks, shows, stops; fails if an answer is not right
set -eu
cd "$(dirname "$0")/.."

bin=target/release
demo=$PWD/.demo
listen=${JBOD_LISTEN:-127.0.0.1:9780}
redis_port=${DEMO_REDIS_PORT:-16399}
url=http://$listen

redis="" daemon=""
finish() {
    for process in $daemon $redis; do
        kill "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    rm -rf "$demo"
}
trap finish EXIT
trap 'exit 0' INT TERM

rm -rf "$demo"
mkdir -p "$demo"
# Two shelves of 42 bays, 78 drives on two paths each, an NVMe boot drive, two pools; and some trouble.
$bin/jbod-sim host "$demo/host" --enclosures 2 --bays 42 --drives 78 --paths 2 --latency-ms 300 >"$demo/layout"
$bin/jbod-sim set "$demo/host" bay/0/7 failed=true >/dev/null
$bin/jbod-sim set "$demo/host" bay/1/12 standby=true >/dev/null
$bin/jbod-sim set "$demo/host" bay/0/20 hang=true >/dev/null
$bin/jbod-sim set "$demo/host" bay/1/3 locate=1 >/dev/null

if redis-cli -p "$redis_port" ping >/dev/null 2>&1; then
    echo "a Redis runs on port $redis_port already, which the demo must not touch: set DEMO_REDIS_PORT" >&2
    exit 1
fi
redis-server --port "$redis_port" --bind 127.0.0.1 --save '' --appendonly no --dir "$demo" --loglevel warning &
redis=$!
until redis-cli -p "$redis_port" ping >/dev/null 2>&1; do
    kill -0 "$redis" 2>/dev/null || { echo "redis-server ended: set DEMO_REDIS_PORT if port $redis_port is taken" >&2; exit 1; }
    sleep 0.05
done
SMART_TIMEOUT=${SMART_TIMEOUT:-5} JBOD_LISTEN=$listen REDIS_HOST=127.0.0.1 REDIS_PORT=$redis_port \
    JBOD_ROOT=$demo/host SMARTCTL_PATH=$demo/host/bin/smartctl ZPOOL_PATH=$demo/host/bin/zpool \
    $bin/jbod-monitor serve &
daemon=$!

fetch() {
    curl -fsS "$1"
}
tries=0
until fetch "$url/readyz" >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ $tries -gt 300 ] || ! kill -0 "$daemon" 2>/dev/null; then
        echo "the daemon did not start: is $listen taken? Set JBOD_LISTEN" >&2
        exit 1
    fi
    sleep 0.1
done

if [ "${1:-}" = --once ]; then
    fetch "$url/api/overview" >"$demo/overview.json"
    for wanted in '"drives":79' '"slots":84' '"crit":1' '"standby":1' '"unresponsive":1'; do
        grep -q "$wanted" "$demo/overview.json" || { echo "the overview lacks $wanted" >&2; exit 1; }
    done
    fetch "$url/api/drives?verdict=crit" | grep -q '"code"' || { echo "the failing drive has no reason" >&2; exit 1; }
    fetch "$url/" | grep -q jbod-monitor || { echo "no page at /" >&2; exit 1; }
    echo "the demo answers"
    exit 0
fi

cat <<TEXT

The rack is up: $url/  (stop with Ctrl-C)

  curl -s $url/api/overview
  curl -s '$url/api/drives?verdict=crit'
  curl -s $url/api/drives/sda
  curl -si $url/api/overview -o /dev/null -D -
  $bin/jbod-monitor scan --root $demo/host --smartctl $demo/host/bin/smartctl --zpool $demo/host/bin/zpool

Change something and look again:

  $bin/jbod-sim pull $demo/host bay/0/5
  $bin/jbod-sim insert $demo/host bay/0/5
  $bin/jbod-sim set $demo/host bay/0/9 hang=true

TEXT
wait "$daemon"
