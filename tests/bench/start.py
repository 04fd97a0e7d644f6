"""From the start of a process to its first answer."""

import http.client
import time

from rack import Client, Daemon, Host, LeftOut, Redis
from tables import Goal, median, number, ratios, spread, table
from targets import Peer

# Longer than a round takes: the peer reads what the daemon has left.
LASTING = {"OVERVIEW_TTL": 3600, "SMART_CACHE_TTL": 3600, "SMART_POLL_INTERVAL": 3600}


def first(server, is_it, seconds=60):
    """Milliseconds to the first answer of 200 that is meant."""
    while (took := time.monotonic() - server.started) < seconds and server.process.poll() is None:
        client = Client(server.port)
        try:
            status, headers, body = client.get("/api/overview")
            if status == 200 and is_it(headers, body):
                return (time.monotonic() - server.started) * 1e3
        except (OSError, http.client.HTTPException):
            pass
        finally:
            client.close()
        time.sleep(0.0005)
    raise RuntimeError(f"{server.process.args[0]}: no such answer within {took:.0f} s: {server.said()}")


def warm(host, redis, peers, rounds, report):
    """Redis holds what an earlier daemon left; ours and the peer in turn."""
    ours, theirs = [], []
    for _ in range(rounds):
        with Daemon(host, redis, **LASTING) as earlier:
            earlier.ready()
        with Daemon(host, redis, **LASTING) as daemon:
            ours.append(first(daemon, lambda headers, _: headers["X-Cache"] == "HIT"))
        try:
            with Peer(peers, redis, tuned=True, waits=False) as peer:
                theirs.append(first(peer, lambda headers, _: headers["X-Cache"] == "HIT"))
        except LeftOut as why:
            if not theirs:
                report.leave_out("Python peer, start", why)
            peers = None
    return ours, theirs


def empty(host, rounds):
    """Nobody has been here before; each drive takes half a second, and every bay is shown long before."""
    took = []
    for _ in range(rounds):
        with Redis() as redis, Daemon(host, redis) as daemon:
            took.append(first(daemon, lambda _, body: f'"slots_occupied":{host.drives},'.encode() in body))
    return took


def measure(report, plan, peers):
    with Host(78) as host, Redis() as redis:
        ours, theirs = warm(host, redis, peers, plan.rounds, report)
    with Host(78, latency_ms=500) as host:
        bays = empty(host, plan.rounds)
    rows = [
        ("jbod-monitor, warm Redis: HIT", number(median(ours)), spread(ours)),
        ("Python, cached bytes, warm Redis: HIT", number(median(theirs)), spread(theirs)),
        ("jbod-monitor, empty Redis: every bay, its drive", number(median(bays)), spread(bays)),
    ]
    report.say(
        "### From the start of the process to its first 200, 78 drives\n\n"
        + table(("", "ms", "spread"), [row for row in rows if row[1]])
    )
    report.judge(Goal("start to first 200, warm Redis", 30, at_most=True, unit=" ms"), ours)
    report.judge(Goal("start to every bay, empty Redis", 100, at_most=True, unit=" ms"), bays)
    report.judge(Goal("start to first 200, the Python peer's against ours", 30, 100), ratios(theirs, ours))
