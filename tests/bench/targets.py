"""What the daemon is compared with: nginx with the same bytes, tiny_http alone, the Python peer on the same Redis."""

import gzip
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from rack import BIN, WORK, LeftOut, Program, free_port, get

# What differs between two readings of the same host.
MOMENTS = re.compile(
    rb'"version":"[0-9a-f]{16}"|"\d{4}-\d\d-\d\dT[\d:.]+Z"|"took_ms":\d+|\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}'
)

NGINX = """\
daemon off;
{user}
worker_processes auto;
pid {dir}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    keepalive_requests 1000000000;
    open_file_cache max=100;
    default_type application/json;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        root {dir}/html;
        location / {{ gzip_static on; }}
    }}
}}
"""


class Server(Program):
    """Something that answers GET /api/overview."""

    def __init__(self, port, argv, waits=True, **how):
        self.port = port
        super().__init__(argv, **how)
        if waits:
            self.wait_for(f"{argv[0]} answers", lambda: get(port)[0] == 200, seconds=60)


class Nginx(Server):
    """The body, and its gzip if there is one, as files; a configuration and a port of its own."""

    def __init__(self, body, packed):
        self.dir = tempfile.TemporaryDirectory(prefix="nginx-", dir=WORK)
        here, port = pathlib.Path(self.dir.name), free_port()
        (here / "html/api").mkdir(parents=True)
        (here / "html/api/overview").write_bytes(body)
        if packed:
            (here / "html/api/overview.gz").write_bytes(packed)
        # Its workers may be other users only where it is root; then the folder would be closed to them.
        user = "user root;" if os.geteuid() == 0 else ""
        (here / "nginx.conf").write_text(NGINX.format(user=user, dir=here, port=port))
        super().__init__(port, ["nginx", "-e", "stderr", "-p", here, "-c", here / "nginx.conf"])

    def stop(self):
        super().stop()
        self.dir.cleanup()


class Constant(Server):
    """tests/bench/constant.rs: how fast tiny_http can be."""

    def __init__(self, body):
        port = free_port()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.answer = tempfile.NamedTemporaryFile(dir=WORK)  # noqa: SIM115 open as long as the process runs
        self.answer.write(head.encode() + body)
        self.answer.flush()
        super().__init__(port, [BIN / "examples/constant", f"127.0.0.1:{port}", self.answer.name])

    def stop(self):
        super().stop()
        self.answer.close()


class Peer(Server):
    """The FastAPI service, two workers, on the daemon's Redis; its own polling is off."""

    def __init__(self, peers, redis, tuned, waits=True):
        python, port = venv(peers), free_port()
        argv = [
            python.parent / "uvicorn",
            "app:app",
            "--workers",
            "2",
            "--port",
            port,
            "--no-access-log",
            "--log-level",
            "warning",
        ]
        env = {
            "REDIS_URL": f"redis://127.0.0.1:{redis.port}/0",
            "PEER_MODE": "tuned" if tuned else "literal",
            "POLL": "0",
            "SIM_DIR": "/nowhere",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        super().__init__(port, argv, waits, env=env, cwd=peers / "fastapi")


def venv(peers):
    """The peer's Python below target/, made when its requirements change."""
    if not peers:
        raise LeftOut("no folder of peers was given (PEERS=)")
    wanted = peers / "fastapi/requirements.txt"
    stamp, python = WORK / "peer/stamp", WORK / "peer/bin/python"
    digest = hashlib.sha256(wanted.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == digest:
        return python
    print(f"installing into {WORK / 'peer'} with pip: what {wanted} lists", flush=True)
    try:
        subprocess.run(
            [sys.executable, "-m", "venv", WORK / "peer"], check=True, timeout=120, stdout=subprocess.DEVNULL
        )
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", wanted],
            check=True,
            timeout=300,
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise LeftOut(f"its Python cannot be installed: {error}") from None
    stamp.write_text(digest)
    return python


def same(ours, theirs):
    """The same bytes but for when they were read."""
    return MOMENTS.sub(b"", ours) == MOMENTS.sub(b"", theirs)


def checked(name, port, body, exactly=True, **headers):
    """What it answers is that body, or it is not timed."""
    status, got, answer = get(port, **headers)
    if got.get("Content-Encoding") == "gzip":
        answer = gzip.decompress(answer)
    elif headers:
        raise LeftOut("it does not answer with gzip")
    if status != 200 or not (answer == body if exactly else same(body, answer)):
        raise LeftOut(f"{name} answers {status} with {len(answer)} bytes that are not the daemon's {len(body)}")


def settle(server):
    """Waits until nothing of what was asked is still being worked on, ten seconds at most."""
    before, end = None, time.monotonic() + 10
    while (now := of_session(server.pid)) != before and time.monotonic() < end:
        before = now
        time.sleep(0.03)


def of_session(session):
    """Clock ticks of all processes of a session: servers have workers."""
    ticks = 0
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session:
            ticks += int(fields[11]) + int(fields[12])
    return ticks
