"""What grows with the number of drives, and how."""

import time

import load
from rack import Daemon, Host, LeftOut, Redis, get
from rates import STILL
from tables import Goal, number, table

MEMORY = {78: (16, 8), 1000: (48, 24), 10_000: (320, 160)}
REQUESTS = 200
HEAD = (
    "drives",
    "resident MiB",
    "sweep s",
    "own CPU a drive, ms",
    "own share",
    "overview bytes",
    "CPU a request, ms",
    "p50 ms",
    "metrics bytes",
    "metrics ms, first and then",
    "?fields=summary bytes",
    "p50 ms",
)


def timed(port, path):
    start = time.monotonic()
    status, _, body = get(port, path)
    return status, len(body), (time.monotonic() - start) * 1e3


def per_request(daemon, path, seconds):
    """Processor time and p50 of requests one after the other, in ms."""
    before = sum(daemon.cpu())
    done = load.wrk(f"http://127.0.0.1:{daemon.port}{path}", 1, seconds)
    return (sum(daemon.cpu()) - before) / max(done.requests, 1) * 1e3, done.p50


def one(drives, seconds):
    with Host(drives) as host, Redis() as redis, Daemon(host, redis, **STILL) as daemon:
        daemon.ready(seconds=300)
        took = time.monotonic() - daemon.started
        own, children = daemon.cpu()
        for _ in range(REQUESTS):
            _, _, body = get(daemon.port)
        memory = daemon.rss_mib()
        cpu, p50 = per_request(daemon, "/api/overview", seconds)
        _, metrics, first = timed(daemon.port, "/metrics")
        _, _, then = timed(daemon.port, "/metrics")
        summary = "/api/overview?fields=summary"
        status, summary_bytes, _ = timed(daemon.port, summary)
        brief = (
            (f"{summary_bytes:,}", number(per_request(daemon, summary, seconds)[1]))
            if status == 200
            else (f"({status})", "")
        )
    return memory, (
        f"{drives:,}",
        number(memory),
        number(took),
        number(own / drives * 1e3),
        f"{100 * own / (own + children):.0f} %",
        f"{len(body):,}",
        number(cpu),
        number(p50),
        f"{metrics:,}",
        f"{number(first)}, {number(then)}",
        *brief,
    )


def measure(report, plan, _peers):
    rows = []
    for drives in plan.sizes(MEMORY):
        try:
            memory, row = one(drives, plan.seconds)
        except LeftOut as why:
            report.leave_out(f"{drives:,} drives", why)
            continue
        rows.append(row)
        must, aim = MEMORY[drives]
        report.judge(
            Goal(
                f"resident memory, {drives:,} drives, after a sweep and {REQUESTS} requests",
                must,
                aim,
                at_most=True,
                unit=" MiB",
            ),
            [memory],
        )
    report.say("### By number of drives\n\n" + table(HEAD, rows))
