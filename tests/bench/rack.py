"""What is measured: a simulated host, a redis-server, and the daemon that looks at both.

Everything that is started here ends with the block it was started in, also when that is left by an error or a signal.
"""

import http.client
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "target/release"
WORK = ROOT / "target/bench"
TICK = os.sysconf("SC_CLK_TCK")
# jbod-sim lays out some 120 small files a drive; in blocks of a file system that is 350 kB.
DISK_OF_A_DRIVE = 350_000


class LeftOut(Exception):
    """This cannot be measured here; the report says why."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(what, look, seconds=120.0, pause=0.005):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if found := look():
                return found
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(pause)
    raise RuntimeError(f"never happened: {what}")


class Client:
    """One kept connection."""

    def __init__(self, port, timeout=30):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def get(self, path, **headers):
        """Status, headers and body."""
        self.connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def close(self):
        self.connection.close()


def get(port, path="/api/overview", **headers):
    """A request on a connection of its own."""
    client = Client(port)
    try:
        return client.get(path, **headers)
    finally:
        client.close()


class Program:
    """A child in a session of its own, with all that it starts."""

    def __init__(self, argv, env=None, cwd=None):
        # Of the environment, only what finds programs: settings of the user's must not reach what is measured.
        base = {"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 open as long as the process runs
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            list(map(str, argv)),
            env=base | {k: str(v) for k, v in (env or {}).items()},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.log.closed:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            # Its session's, so its workers with it.
            os.killpg(self.pid, signal.SIGKILL)
            self.process.wait()
        self.log.close()

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-2000:]

    def wait_for(self, what, look, seconds=120.0, pause=0.005):
        """Waits while the program runs. If the wait fails, the program is stopped: `with` has not begun yet."""

        def or_dead():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.process.args[0]} ended with {self.process.returncode}: {self.said()}")
            return look()

        try:
            return until(what, or_dead, seconds, pause)
        except BaseException:
            self.stop()
            raise

    def cpu(self):
        """Seconds of processor time: its own, and that of its children which have ended."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        own_user, own_system, user, system = (int(fields[i]) / TICK for i in (11, 12, 13, 14))
        return own_user + own_system, user + system

    def rss_mib(self):
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.pid}/status").read_text())[1]) / 1024


class Host:
    """A simulated host on disk, removed in the end."""

    def __init__(self, drives, latency_ms=0):
        WORK.mkdir(parents=True, exist_ok=True)
        # 10,000 drives are 1.2 million files.
        if shutil.disk_usage(WORK).free < 2 * drives * DISK_OF_A_DRIVE:
            raise LeftOut(
                f"{drives:,} drives need {2 * drives * DISK_OF_A_DRIVE / 1e9:.1f} GB of disk space, and less is free"
            )
        self.dir = tempfile.mkdtemp(prefix="host-", dir=WORK)
        self.drives = drives
        shelves = max(2, drives // 100)
        lay_out = [
            BIN / "jbod-sim",
            "host",
            f"{self.dir}/host",
            "--enclosures",
            str(shelves),
            "--bays",
            str(max(42, -(-drives // shelves))),
            "--drives",
            str(drives),
            "--nvme",
            "0",
            "--latency-ms",
            str(latency_ms),
        ]
        try:
            subprocess.run(lay_out, check=True, stdout=subprocess.DEVNULL, timeout=600)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # rm: Python takes minutes for a million files. In a session of its own, to continue if the benches are stopped.
        subprocess.Popen(["rm", "-rf", "--", self.dir], start_new_session=True).wait()


class Redis(Program):
    """Keeps nothing on disk; no client but ours."""

    def __init__(self):
        self.port = free_port()
        super().__init__(
            ["redis-server", "--bind", "127.0.0.1", "--port", self.port, "--save", "", "--appendonly", "no"], cwd="/"
        )
        self.wait_for("redis-server answers", lambda: self.ask("PING").startswith(b"+PONG"))

    def ask(self, command):
        with socket.create_connection(("127.0.0.1", self.port), 5) as s:
            s.sendall(command.encode() + b"\r\n")
            return s.recv(4096)


class Daemon(Program):
    """Ours. Without a Redis it is told of a port where nobody is."""

    def __init__(self, host, redis=None, wrapper=(), **settings):
        self.port = free_port()
        root = f"{host.dir}/host"
        env = {
            "JBOD_ROOT": root,
            "SMARTCTL_PATH": f"{root}/bin/smartctl",
            "ZPOOL_PATH": f"{root}/bin/zpool",
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": redis.port if redis else free_port(),
            "JBOD_LISTEN": f"127.0.0.1:{self.port}",
            "RUST_LOG": "warn",
        }
        super().__init__([*wrapper, BIN / "jbod-monitor"], env=env | settings)

    def answers(self, path="/readyz"):
        return get(self.port, path)[0] == 200

    def ready(self, seconds=120.0):
        """After the first whole sweep. Asked seldom, so that asking takes nothing from the sweep."""
        self.wait_for("the first sweep is whole", self.answers, seconds, pause=0.05)
        return self

    def still(self):
        """Waits until the overview does not change any more: links are read again 3 s after a start."""
        tag, since = None, time.monotonic()
        while time.monotonic() - since < 4:
            if (now := get(self.port)[1]["ETag"]) != tag:
                tag, since = now, time.monotonic()
            time.sleep(0.1)
        return self
