#!/usr/bin/env python3
"""Speed of the daemon on this machine, side by side with what else could answer. Prints a report in Markdown.

In each round every target is loaded in turn, and ratios are taken inside the round, so that a machine whose
speed drifts favours no target. Loopback only; each load and the whole run are limited in time. README.md in this folder
explains the results.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import datetime
import os
import pathlib
import re
import signal
import subprocess
from dataclasses import dataclass

import instructions
import micro
import rates
import scale
import start
import sweeps
from rack import ROOT, WORK
from tables import Report

README = ROOT / "tests/bench/README.md"
BEGIN, END = "<!-- results: written by make bench BENCH=--write -->", "<!-- end of results -->"
SUBJECTS = {
    "rates": rates,
    "start": start,
    "sweeps": sweeps,
    "scale": scale,
    "instructions": instructions,
    "micro": micro,
}


@dataclass(frozen=True)
class Plan:
    """How much of it."""

    quick: bool
    rounds: int
    seconds: int = 1

    @property
    def other_rounds(self):
        """Where there is no goal, the middle of three will do."""
        return min(self.rounds, 3)

    def connections(self, drives, keep):
        if not self.quick:
            return 1, 8, 64
        return () if not keep else (1, 8, 64) if drives == 78 else (8,)

    def widths(self, widths):
        return (16, 78) if self.quick else widths

    def sizes(self, sizes):
        return [drives for drives in sizes if not self.quick or drives < 1000]


def version(argv, pattern):
    try:
        said = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=10,
            env=os.environ | {"PATH": os.environ["PATH"] + ":/usr/sbin"},
        )
    except OSError:
        return "not here"
    found = re.search(pattern, said.stdout + said.stderr)
    return found[1] if found else "?"


def machine(peers):
    """The date, the machine and what was measured with."""
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    python = WORK / "peer/bin/python"
    asked = [
        ("nginx", ["nginx", "-v"], r"nginx/(\S+)"),
        ("Redis", ["redis-server", "--version"], r"v=(\S+)"),
        ("wrk", ["wrk", "-v"], r"wrk \S*?([0-9][^ +]*)"),
        ("rustc", ["rustc", "--version"], r"rustc (\S+)"),
    ]
    names = [f"{name} {version(argv, pattern)}" for name, argv, pattern in asked]
    if peers and python.exists():
        packages = "*(f'{name} {version(name)}' for name in ('fastapi', 'uvicorn', 'redis'))"
        ask = f"import sys; from importlib.metadata import version; print(sys.version.split()[0], {packages})"
        names.append("peer: Python " + version([python, "-c", ask], r"(.+)"))
    return (
        f"{datetime.date.today()}: {os.cpu_count()} cores ({cpu[1] if cpu else os.uname().machine}), "
        f"Linux {os.uname().release}, "
        f"load average {os.getloadavg()[0]:.1f} at the beginning; {'; '.join(names)}."
    )


def write(text):
    page = README.read_text()
    before, rest = page.split(BEGIN)
    README.write_text(before + BEGIN + "\n\n" + text + "\n\n" + END + rest.split(END)[1])


def one(name, subject, report, plan, peers):
    """A subject that cannot be measured leaves the others."""
    try:
        subject.measure(report, plan, peers)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        report.fail(f"{name}: {error}")


def give_up(*_):
    raise SystemExit("stopped")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round, less of everything: within three minutes")
    parser.add_argument(
        "--only",
        action="append",
        choices=SUBJECTS,
        metavar="SUBJECT",
        help=f"one of {', '.join(SUBJECTS)}; may be repeated",
    )
    parser.add_argument("--rounds", type=int, help="paired rounds (5, quick: 1)")
    parser.add_argument("--peers", type=pathlib.Path, help="folder with fastapi/, the Python peer")
    parser.add_argument("--write", action="store_true", help=f"put the report into {README.relative_to(ROOT)}")
    parser.add_argument("--minutes", type=int, default=25, help="give up after that (25)")
    args = parser.parse_args()
    if args.write and (args.only or args.quick):
        parser.error("--write wants all of it")
    peers = args.peers.resolve() if args.peers and (args.peers / "fastapi").is_dir() else None
    plan = Plan(args.quick, args.rounds or (1 if args.quick else 5))
    # All that is started ends on the way out.
    for ending in (signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(ending, give_up)
    signal.alarm(args.minutes * 60)
    report = Report()
    report.say(machine(peers))
    try:
        for name, subject in SUBJECTS.items():
            if not args.only or name in args.only:
                one(name, subject, report, plan, peers)
    finally:
        report.finish()
    # What has failed is no result to keep.
    if args.write and not report.failures:
        write(report.text())
    raise SystemExit(1 if report.failures else 0)


if __name__ == "__main__":
    main()
