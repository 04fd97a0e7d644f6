"""Sweeps: how long one takes, what it costs the daemon itself, and what clients see meanwhile."""

import re
import time

from rack import Client, Daemon, Host, Redis, get, until
from tables import Goal, median, number, spread, table

LATENCY_MS, DRIVES = 500, 78
WIDTHS = (8, 16, 32, 78)
CYCLES = 10
STARTED = re.compile(rb'"sweep":\{"started_at":"([^"]+)","took_ms":(\d+)')


def wall(report, plan):
    """The first sweep, as the overview tells of it, and from the start of the process to that overview."""
    rows = []
    with Host(DRIVES, LATENCY_MS) as host:
        for width in plan.widths(WIDTHS):
            took, own = [], []
            for _ in range(plan.rounds):
                with (
                    Redis() as redis,
                    Daemon(host, redis, SMART_CONCURRENCY=width, SMART_CONCURRENCY_PER_HOST=-(-width // 2)) as daemon,
                ):
                    # Asked from just before it can be done, or the asking would take part in what it measures.
                    ideal = -(-DRIVES // width) * LATENCY_MS / 1e3
                    time.sleep(max(0.0, daemon.started + ideal - time.monotonic()))
                    daemon.wait_for("a whole overview", lambda: b'"reading":0' in get(daemon.port)[2], pause=0.002)
                    took.append(time.monotonic() - daemon.started)
                    swept = until("the sweep in the overview", lambda: STARTED.search(get(daemon.port)[2]))
                    own.append(int(swept[2]) / 1e3)
            over, start = [seconds / ideal for seconds in own], [seconds / ideal for seconds in took]
            rows.append(
                (
                    width,
                    f"{ideal:.1f}",
                    number(median(own)),
                    spread(own),
                    number(median(over)),
                    number(median(took)),
                    number(median(start)),
                )
            )
            must, aim = (1.1, 1.03) if width <= 32 else (1.3, 1.1)
            report.judge(
                Goal(
                    f"a first sweep against ceil({DRIVES}/width) x {LATENCY_MS} ms, {width} wide",
                    must,
                    aim,
                    at_most=True,
                ),
                over,
            )
    head = (
        "width",
        "ideal s",
        "the sweep (took_ms), s",
        "spread",
        "against ideal",
        "from the process's start, s",
        "against ideal",
    )
    report.say(f"### Start to a whole overview, {DRIVES} drives of {LATENCY_MS} ms each\n\n" + table(head, rows))


def hits(report):
    """A client that requests every few milliseconds during ten sweeps; lifetimes would expire three times in them."""
    seen, swept = {}, set()
    lives = {"SMART_POLL_INTERVAL": 1} | dict.fromkeys(
        ("SMART_CACHE_TTL", "OVERVIEW_TTL", "ENCLOSURES_TTL", "ZFS_TTL"), 3
    )
    with Host(DRIVES, latency_ms=50) as host, Redis() as redis, Daemon(host, redis, **lives) as daemon:
        daemon.ready()
        until("a first HIT", lambda: get(daemon.port)[1]["X-Cache"] == "HIT")
        client, end = Client(daemon.port), time.monotonic() + 60
        while len(swept) <= CYCLES and time.monotonic() < end:
            for path in ("/api/overview", "/api/drives/sda", "/api/enclosures", "/api/zfs"):
                status, headers, body = client.get(path)
                what = headers["X-Cache"] if status == 200 else str(status)
                seen[what] = seen.get(what, 0) + 1
                if found := STARTED.search(body):
                    swept.add(found[1])
                time.sleep(0.003)
        client.close()
    share = 100 * seen.get("HIT", 0) / sum(seen.values())
    counts = ", ".join(f"{count:,} {what}" for what, count in sorted(seen.items()))
    report.say(
        "### What clients get while the daemon sweeps\n\n"
        f"{len(swept) - 1} cycles of 1 s, {DRIVES} drives of 50 ms, lifetimes of 3 s: {counts}."
    )
    report.judge(Goal("share of HIT over ten cycles", 100, 100, unit=" %"), [share])


def cost(report, plan):
    """Processor time of whole cycles, one a second: the daemon's own, and its children's."""
    shares, own_ms = [], []
    with Host(DRIVES) as host, Redis() as redis, Daemon(host, redis, SMART_POLL_INTERVAL=1) as daemon:
        daemon.ready()
        for _ in range(plan.rounds):
            own, children = daemon.cpu()
            time.sleep(CYCLES / 2)
            own_then, children_then = daemon.cpu()
            own, children = own_then - own, children_then - children
            shares.append(100 * own / (own + children))
            own_ms.append(own / (CYCLES / 2) * 1e3)
    report.say(
        "### Processor time of a cycle\n\n"
        f"{DRIVES} drives, a cycle a second: {number(median(own_ms))} ms of it the daemon's own, "
        f"{number(median(shares))} %. The rest is its children's: starting them, and jbod-sim in place of smartctl, "
        "which takes a fraction of what smartctl takes (11 to 15 ms)."
    )
    report.judge(Goal("the daemon's own share of a cycle's processor time", 5, at_most=True, unit=" %"), shares)


def measure(report, plan, _peers):
    wall(report, plan)
    hits(report)
    cost(report, plan)
