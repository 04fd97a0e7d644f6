"""Requests a second for /api/overview, against everything that could have answered in the daemon's place."""

from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass

import load
from rack import Daemon, Host, LeftOut, Redis, get
from tables import Goal, median, number, ratios, spread, table
from targets import Constant, Nginx, Peer, checked, settle

OURS, OURS_GZIP, ALONE = "jbod-monitor", "jbod-monitor, gzip", "jbod-monitor, Redis away"
CACHED, DESIGNED = "Python, cached bytes", "Python as designed"
NGINX, NGINX_GZIP, CONSTANT, GET = "nginx static", "nginx gzip_static", "tiny_http constant", "redis-benchmark GET"
KEY = "jbod:overview"
GZIP = {"Accept_Encoding": "gzip"}
# Nothing of the rack changes while it is measured: one sweep, and values that stay.
STILL = {"SMART_POLL_INTERVAL": 86_400, "SMART_CACHE_TTL": 172_800, "OVERVIEW_TTL": 3600}

GOALS = {  # drives, connections -> ours, theirs, must, aim
    (78, 1): [(OURS, CACHED, 2, 4)],
    (78, 8): [
        (OURS, CACHED, 4, 8),
        (OURS, DESIGNED, 40, 120),
        (OURS, NGINX, 0.35, 0.6),
        (OURS_GZIP, NGINX_GZIP, 0.6, 0.9),
    ],
    (78, 64): [(OURS, CACHED, 4, 8), (OURS, DESIGNED, 40, 120)],
    (1000, 8): [(OURS, NGINX, 0.6, 0.9)],
}


@dataclass(frozen=True)
class Target:
    name: str
    run: object
    keeps_only: bool = False


def targets(stack, report, drives, host, redis, peers):
    """All that can be started here and answers the very same."""
    ours = stack.enter_context(Daemon(host, redis, **STILL)).ready().still()
    alone = stack.enter_context(Daemon(host, **STILL)).ready().still()
    _, _, body = get(ours.port)
    _, headers, packed = get(ours.port, **GZIP)
    packs = headers.get("Content-Encoding") == "gzip"
    found = []

    def add(name, start, exactly=True, keeps_only=False, **asking):
        try:
            server = start()
            checked(name, server.port, body, exactly, **asking)
        except LeftOut as why:
            report.leave_out(f"{name}, {drives} drives", why)
            return
        url = f"http://127.0.0.1:{server.port}/api/overview"
        sends = [f"{header.replace('_', '-')}: {value}" for header, value in asking.items()]

        def run(connections, seconds, keep):
            done = load.wrk(url, connections, seconds, sends, keep)
            settle(server)
            return done

        found.append(Target(name, run, keeps_only))

    nginx = stack.enter_context(Nginx(body, packed if packs else None))
    add(OURS, lambda: ours)
    add(OURS_GZIP, lambda: ours, keeps_only=True, **GZIP)
    add(ALONE, lambda: alone, exactly=False)
    add(CACHED, lambda: stack.enter_context(Peer(peers, redis, tuned=True)))
    add(DESIGNED, lambda: stack.enter_context(Peer(peers, redis, tuned=False)))
    add(NGINX, lambda: nginx)
    if packs:
        add(NGINX_GZIP, lambda: nginx, keeps_only=True, **GZIP)
    add(CONSTANT, lambda: stack.enter_context(Constant(body)))
    if redis.ask(f"STRLEN {KEY}") == b":%d\r\n" % len(body):
        found.append(Target(GET, lambda c, s, keep: load.redis_benchmark(redis.port, KEY, c, s, keep)))
    else:
        report.leave_out(f"{GET}, {drives} drives", f"{KEY} is not the body as it is served")
    return found, body


def rounds(targets, connections, keep, count, seconds):
    """All in turn, round after round."""
    runs = defaultdict(list)
    for _ in range(count):
        for target in targets:
            if keep or not target.keeps_only:
                runs[target.name].append(target.run(connections, seconds, keep))
    return runs


def row(name, runs, connections):
    ours = OURS_GZIP if name == NGINX_GZIP else OURS
    ratio = [] if name == ours else ratios([r.rate for r in runs[ours]], [r.rate for r in runs[name]])
    rates = [run.rate for run in runs[name]]
    # Who has answered nothing has no latency.
    p50, p99 = (median([getattr(run, what) for run in runs[name] if run.requests]) for what in ("p50", "p99"))
    return (
        name,
        connections,
        number(median(rates)),
        spread(rates),
        number(p50),
        number(p99),
        number(median(ratio)),
        spread(ratio),
        sum(run.errors for run in runs[name]),
    )


def judge(report, drives, connections, runs):
    for ours, theirs, must, aim in GOALS.get((drives, connections), ()):
        if runs[ours] and runs[theirs]:
            times = ratios([r.rate for r in runs[ours]], [r.rate for r in runs[theirs]])
            encoding = " (ours gzip, too)" if ours == OURS_GZIP else ""
            what = f"requests/s against {theirs}{encoding}, {drives:,} drives, {connections} connections"
            report.judge(Goal(what, must, aim), times)
    if (drives, connections) == (78, 1):
        report.judge(
            Goal("p50 on a kept connection", 0.5, 0.15, at_most=True, unit=" ms"), [run.p50 for run in runs[OURS]]
        )
        report.judge(Goal("p99 on a kept connection", 5, 1, at_most=True, unit=" ms"), [run.p99 for run in runs[OURS]])


HEAD = (
    "target",
    "connections",
    "requests/s",
    "spread",
    "p50 ms",
    "p99 ms",
    "jbod-monitor is times as fast",
    "spread",
    "errors",
)


def measure(report, plan, peers):
    for drives in (78, 1000):
        with ExitStack() as stack:
            host, redis = stack.enter_context(Host(drives)), stack.enter_context(Redis())
            all_targets, body = targets(stack, report, drives, host, redis, peers)
            for keep in (True, False):
                rows = []
                for connections in plan.connections(drives, keep):
                    has_goal = keep and (drives, connections) in GOALS
                    runs = rounds(
                        all_targets, connections, keep, plan.rounds if has_goal else plan.other_rounds, plan.seconds
                    )
                    rows += [row(target.name, runs, connections) for target in all_targets if runs[target.name]]
                    if keep:
                        judge(report, drives, connections, runs)
                if rows:
                    kept = "connections kept" if keep else "a connection a request"
                    report.say(
                        f"### /api/overview, {drives:,} drives ({len(body):,} bytes), {kept}\n\n" + table(HEAD, rows)
                    )
