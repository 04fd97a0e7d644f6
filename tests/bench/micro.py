"""tests/bench/micro.rs: what one step costs, by divan."""

import os
import subprocess

from rack import ROOT, Redis

CARGO = os.environ.get("CARGO", "cargo")


def measure(report, plan, _peers):
    more = ["--max-time", "0.2"] if plan.quick else ["--max-time", "2"]
    with Redis() as redis:
        done = subprocess.run(
            [CARGO, "bench", "--quiet", "--locked", "--bench", "micro", "--", "--color", "never", *more],
            cwd=ROOT,
            check=True,
            timeout=900,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"MICRO_REDIS": str(redis.port)},
        )
    # A bench is built with what only tests turn on, and so are the programs beside it; this puts ours back.
    subprocess.run([CARGO, "build", "--quiet", "--release", "--locked"], cwd=ROOT, check=True, timeout=900)
    report.say("### Steps, alone\n\n```\n" + "\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n```")


if __name__ == "__main__":
    raise SystemExit("make bench BENCH='--only micro'")
