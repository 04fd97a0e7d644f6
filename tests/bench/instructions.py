#!/usr/bin/env python3
"""Instructions that the daemon takes for a request, counted by callgrind: a machine that is busy counts the same.

One daemon polls and fills Redis. A second one, under valgrind, finds the lease taken and only serves from Redis, as the
hot path does. Each case is warmed up, then counted over a number of requests on one kept connection. The figures are
compared with those of instructions.json, the last that were accepted: more than 5 % worse is a failure.

  tests/bench/instructions.py [--accept] [--times N]
"""

import sys

sys.dont_write_bytecode = True

import argparse
import collections
import json
import pathlib
import platform
import re
import signal
import statistics
import subprocess
import tempfile

from rack import ROOT, WORK, Client, Daemon, Host, LeftOut, Redis, get
from rates import STILL
from tables import Report, number, table

ACCEPTED = ROOT / "tests/bench/instructions.json"
DRIVES, TOLERANCE, TOP = 78, 0.05, 6
WARM, WINDOWS, REQUESTS = 50, 3, 150
# Whether letters have moved is looked at by time, not by request (at most a twentieth of it): not counted.
LOOK = "probe::drives::fingerprint"
# How memory is kept, as the daemon tells itself when it starts over: told beforehand, it does not, and stays under
# valgrind. There everything takes fifty times as long, and Redis shall not be given up for that.
UNDER_VALGRIND = {
    "MALLOC_ARENA_MAX": 1,
    "MALLOC_MMAP_THRESHOLD_": 2_097_152,
    "MALLOC_TRIM_THRESHOLD_": 4_194_304,
    "REDIS_TIMEOUT_MS": 10_000,
}


def cases(client):
    """What is asked: the path, its headers, and the status and coding that the answer must have."""
    tag = client.get("/api/overview")[1]["ETag"]
    return {
        "/api/overview": ("/api/overview", {}, (200, None)),
        "/api/overview, gzip": ("/api/overview", {"Accept_Encoding": "gzip"}, (200, "gzip")),
        "/api/overview, 304": ("/api/overview", {"If_None_Match": tag}, (304, None)),
        "/api/drives/sda": ("/api/drives/sda", {}, (200, None)),
    }


def control(daemon, *what):
    subprocess.run(["callgrind_control", *what, str(daemon.pid)], check=True, timeout=60, capture_output=True)


def counted(path):
    """Instructions of each function itself in a dump, and those of the looks at sysfs with all that they call."""
    names, own, looks, current, called = {}, collections.Counter(), 0, "", None
    for line in path.read_text(errors="replace").splitlines():
        if name := re.match(r"(c?)fn=\((\d+)\)(?: (.*))?", line):
            # A name stands where it comes first, a number from then on.
            known = names.setdefault(name[2], name[3])
            current, called = (current, known) if name[1] else (known, None)
        elif called is None and re.match(r"[\d+*-]", line):
            own[current] += int(line.split()[1])
        elif called is not None and not line.startswith("c"):
            # The line after "calls=" is what the called function took, with all that it called.
            looks += int(line.split()[1]) if LOOK in called else 0
            called = None
    return own, looks


def short(name):
    """`<a::B as c::D>::e` stays, hashes and the crate's own name go."""
    return re.sub(r"::h[0-9a-f]{16}$|jbod_monitor::", "", re.sub(r"'\d+$", "", name))


def count(daemon, dumps, path, headers, wanted):
    """Instructions a request, the median of some windows, and the functions of the last."""
    client, windows = Client(daemon.port, timeout=60), []

    def ask(times):
        for _ in range(times):
            status, got, _ = client.get(path, **headers)
            if (status, got.get("Content-Encoding")) != wanted or (status == 200 and got["X-Cache"] != "HIT"):
                if status == 200 and wanted[1]:
                    raise LeftOut("it does not answer with gzip")
                raise RuntimeError(f"{path}: {status}, {got['X-Cache']}")

    ask(WARM)
    for _ in range(WINDOWS):
        control(daemon, "--zero")
        ask(REQUESTS)
        before = set(dumps.glob("out*"))
        control(daemon, "--dump")
        (dump,) = set(dumps.glob("out*")) - before
        own, looks = counted(dump)
        windows.append((sum(own.values()) - looks) / REQUESTS)
    client.close()
    top = [(short(name), ir / REQUESTS) for name, ir in own.most_common(TOP + 1) if LOOK not in name]
    return statistics.median(windows), top[:TOP]


def run(report):
    """Instructions a request, by case, and where they go."""
    found, top = {}, {}
    with (
        tempfile.TemporaryDirectory(prefix="callgrind-", dir=WORK) as folder,
        Host(DRIVES) as host,
        Redis() as redis,
        Daemon(host, redis, **STILL) as leader,
    ):
        leader.ready()
        dumps = pathlib.Path(folder)
        valgrind = (
            sys.executable,
            ROOT / "tests/bench/auxv.py",
            "valgrind",
            "--tool=callgrind",
            f"--callgrind-out-file={dumps}/out",
        )
        with Daemon(host, redis, wrapper=valgrind, **STILL, **UNDER_VALGRIND) as daemon:
            daemon.wait_for("the one under valgrind serves", lambda: get(daemon.port)[1]["X-Cache"] == "HIT")
            daemon.still()
            for name, case in cases(Client(daemon.port, timeout=60)).items():
                try:
                    found[name], top[name] = count(daemon, dumps, *case)
                except LeftOut as why:
                    report.leave_out(f"instructions of {name}", why)
    return found, top


def tools():
    """What the counts depend on, beside the source."""
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    return f"rustc {rustc}, {' '.join(platform.libc_ver())}, {platform.machine()}"


def accepted():
    """The counts, and what they were made with."""
    known = json.loads(ACCEPTED.read_text()) if ACCEPTED.exists() else {}
    return known.get("instructions", {}), known.get("made with", tools())


def measure(report, _plan=None, _peers=None, times=1):
    """A table of them; gives the counts. One that has become worse is a failure."""
    runs = [run(report) for _ in range(times)]
    (before, made_with), rows, worse = accepted(), [], []
    for name in runs[0][0]:
        counts = [found[name] for found, _ in runs]
        now, was = min(counts), before.get(name)
        change = now / was - 1 if was else 0
        if change > TOLERANCE:
            worse.append(f"{name}: {now:,.0f} instructions a request, {change:+.1%}")
        rows.append(
            (
                name,
                f"{now:,.0f}",
                f"{100 * (max(counts) / now - 1):.1f} %" if times > 1 else "",
                f"{was:,}" if was else "",
                f"{change:+.1%}" if was else "",
            )
        )
    text = table(("request", "instructions", *(["spread"] if times > 1 else [""]), "accepted", "change"), rows)
    places = [
        (name, "; ".join(f"{number(ir)} `{function}`" for function, ir in functions))
        for name, functions in runs[0][1].items()
    ]
    report.say(
        f"### Instructions a request, {DRIVES} drives\n\n{text}\n\n"
        + table(("request", "of these, in the function itself"), places)
    )
    if made_with != tools():
        report.say(f"The accepted counts were made with {made_with}; here it is {tools()}.")
    for line in worse:
        report.fail(line)
    return {name: round(min(found[name] for found, _ in runs)) for name in runs[0][0]}


def give_up(*_):
    raise SystemExit("stopped")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accept", action="store_true", help=f"write the figures into {ACCEPTED.relative_to(ROOT)}")
    parser.add_argument("--times", type=int, default=1, help="count so often, and show how far that differs")
    args = parser.parse_args()
    for ending in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(ending, give_up)
    signal.alarm(600)
    WORK.mkdir(parents=True, exist_ok=True)
    report = Report()
    found = measure(report, times=args.times)
    if args.accept:
        ACCEPTED.write_text(json.dumps({"made with": tools(), "instructions": found}, indent=2) + "\n")
    elif report.failures:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
