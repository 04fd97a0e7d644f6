"""Load: wrk and redis-benchmark, a run of a second or more each, and what they say of it."""

import csv
import io
import re
import subprocess
from dataclasses import dataclass

MS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


@dataclass(frozen=True)
class Run:
    """One run: whole answers a second, latency in ms, and what went wrong."""

    rate: float
    p50: float
    p99: float
    requests: int = 0
    errors: int = 0


def wrk(url, connections, seconds, headers=(), keep=True):
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "10s"]
    for header in [*headers, *([] if keep else ["Connection: close"])]:
        argv += ["-H", header]
    out = subprocess.run([*argv, url], capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    if bad := re.search(r"Non-2xx or 3xx responses: (\d+)", out):
        raise RuntimeError(f"{url}: {bad[0]}")

    def latency(percent):
        value, unit = re.search(rf"\s{percent}%\s+([\d.]+)(us|ms|s|m)", out).groups()
        return float(value) * MS[unit]

    # Answers are counted, not connections: tiny_http closes without saying so, which wrk calls a read error.
    requests = int(re.search(r"(\d+) requests in", out)[1])
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
    return Run(
        float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]),
        latency(50),
        latency(99),
        requests,
        sum(map(int, errors.groups())) if errors else 0,
    )


def redis_benchmark(port, key, connections, seconds, keep=True):
    """GET of one key; as many as take about so long."""

    def run(count):
        argv = [
            "redis-benchmark",
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
            "-c",
            str(connections),
            "-n",
            str(count),
            "-k",
            str(int(keep)),
            "--csv",
            "GET",
            key,
        ]
        out = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
        head, row = (next(csv.reader(io.StringIO(line))) for line in out.splitlines() if line.startswith('"'))
        found = dict(zip(head, row))
        return Run(float(found["rps"]), float(found["p50_latency_ms"]), float(found["p99_latency_ms"]), count)

    # A tenth of a second or so says how many.
    few = run(max(200, connections * 4))
    return run(max(connections, int(few.rate * seconds)))
