#!/usr/bin/env python3
"""Speed of the daemon on this machine, side by side with what else is here.

Prints medians of paired rounds: in each round every target is loaded in turn, so that a machine
whose speed drifts favours nobody. Loopback only; every load is bounded.

  tests/bench/run.py [--rounds 5] [--secs 2] [--peer NAME=URL ...]

--peer adds a service that already runs (a request to URL must be answered with 200).
"""
import argparse, json, os, pathlib, re, shutil, signal, socket, statistics, subprocess, tempfile, time, urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "target/release"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read(), answer.headers


def until(what, look, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            found = look()
            if found:
                return found
        except OSError:
            pass
        time.sleep(0.005)
    raise SystemExit(f"never happened: {what}")


class Rack:
    """A simulated host, a redis-server and the daemon."""

    def __init__(self, drives, latency_ms=0, redis=True, **settings):
        self.dir = tempfile.mkdtemp(prefix="jbod-bench-")
        bays = max(42, -(-drives // 2))
        subprocess.run([BIN / "jbod-sim", "host", f"{self.dir}/host", "--enclosures", "2", "--bays", str(bays), "--drives", str(drives),
                        "--nvme", "0", "--latency-ms", str(latency_ms)], check=True, stdout=subprocess.DEVNULL)
        self.redis_port, self.port = free_port(), free_port()
        self.redis = None
        if redis:
            self.redis = subprocess.Popen(["redis-server", "--port", str(self.redis_port), "--bind", "127.0.0.1", "--save", "", "--dir", self.dir],
                                          stdout=subprocess.DEVNULL)
            until("redis listens", lambda: socket.create_connection(("127.0.0.1", self.redis_port)))
        env = {"JBOD_ROOT": f"{self.dir}/host", "SMARTCTL_PATH": f"{self.dir}/host/bin/smartctl", "ZPOOL_PATH": f"{self.dir}/host/bin/zpool",
               "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(self.redis_port), "JBOD_LISTEN": f"127.0.0.1:{self.port}", "RUST_LOG": "warn"}
        self.started = time.monotonic()
        self.daemon = subprocess.Popen([BIN / "jbod-monitor"], env=env | settings, stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{self.port}"

    def ready(self):
        until("the first sweep is whole", lambda: get(f"{self.url}/readyz"))
        return time.monotonic() - self.started

    def whole(self):
        """Seconds from the start to an overview without a drive that is still being read."""
        until("a whole overview", lambda: b'"reading":0' in get(f"{self.url}/api/overview")[0])
        return time.monotonic() - self.started

    def rss_mib(self):
        text = pathlib.Path(f"/proc/{self.daemon.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024

    def close(self):
        for process in (self.daemon, self.redis):
            if process:
                process.send_signal(signal.SIGTERM)
                process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def wrk(url, connections, seconds):
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", url], capture_output=True, text=True, check=True).stdout
    ms = {"us": 1e-3, "ms": 1, "s": 1e3}
    def latency(percent):
        value, unit = re.search(rf"\s{percent}%\s+([\d.]+)(us|ms|s)", out).groups()
        return float(value) * ms[unit]
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    if bad:
        raise SystemExit(f"{url}: {bad[0]}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), latency(50), latency(99)


def sweeps(rounds):
    print("\n## Start to a whole overview: 78 drives of 0.5 s each\n")
    print("| width | ideal s | median s | ratio | spread s |\n|---|---|---|---|---|")
    for width, per_host in ((8, 4), (16, 8), (32, 16), (78, 39)):
        took = []
        for _ in range(rounds):
            rack = Rack(78, 500, SMART_CONCURRENCY=str(width), SMART_CONCURRENCY_PER_HOST=str(per_host))
            took.append(rack.whole())
            rack.close()
        ideal = -(-78 // width) * 0.5
        median = statistics.median(took)
        print(f"| {width} | {ideal:.1f} | {median:.2f} | {median / ideal:.2f} | {min(took):.2f} to {max(took):.2f} |", flush=True)


def memory():
    print("\n## Memory of the daemon (resident, after a sweep and 200 requests)\n")
    print("| drives | MiB | overview bytes |\n|---|---|---|")
    for drives in (78, 1000):
        rack = Rack(drives)
        rack.ready()
        for _ in range(200):
            body, _ = get(f"{rack.url}/api/overview")
        print(f"| {drives} | {rack.rss_mib():.1f} | {len(body)} |", flush=True)
        rack.close()


def requests(rounds, seconds, peers):
    print("\n## /api/overview, reused connections, medians of paired rounds\n")
    rack = Rack(78)
    alone = Rack(78, redis=False)
    rack.ready(), alone.ready()
    targets = {"jbod-monitor": f"{rack.url}/api/overview", "jbod-monitor, Redis away": f"{alone.url}/api/overview"} | peers
    print("| target | connections | requests/s | p50 ms | p99 ms | jbod-monitor is times as fast |\n|---|---|---|---|---|---|")
    for connections in (1, 8, 64):
        runs = {name: [] for name in targets}
        for _ in range(rounds):
            for name, url in targets.items():
                runs[name].append(wrk(url, connections, seconds))
        for name, results in runs.items():
            rate, p50, p99 = (statistics.median(r[i] for r in results) for i in range(3))
            ratios = [ours[0] / theirs[0] for ours, theirs in zip(runs["jbod-monitor"], results)]
            print(f"| {name} | {connections} | {rate:.0f} | {p50:.2f} | {p99:.2f} | {statistics.median(ratios):.2f} [{min(ratios):.2f} to {max(ratios):.2f}] |", flush=True)
    rack.close(), alone.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--secs", type=int, default=2)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=URL")
    parser.add_argument("--only", choices=["sweeps", "memory", "requests"])
    args = parser.parse_args()
    peers = dict(peer.split("=", 1) for peer in args.peer)
    print(f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {os.uname().machine}, Linux {os.uname().release}")
    for name, part in (("requests", lambda: requests(args.rounds, args.secs, peers)), ("sweeps", lambda: sweeps(args.rounds)), ("memory", memory)):
        if args.only in (None, name):
            part()


if __name__ == "__main__":
    main()
