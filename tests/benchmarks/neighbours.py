"""The others: programs that are measured where they are installed, as processes on the server's core."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tests.benchmarks.database import topic
from tests.benchmarks.machine import on_server_core
from tests.benchmarks.subjects import Answer, Probe
from tests.benchmarks.swarm import request

ETCD, NGINX = shutil.which("etcd"), shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
HOW_TO_GET_ETCD = "etcd is not installed (Debian: apt-get install etcd-server)"
HOW_TO_GET_NCHAN = "nginx with nchan is not installed (Debian: apt-get install nginx libnginx-mod-nchan)"
_NCHAN_MODULE = "ngx_nchan_module.so"
_PATIENCE_SECONDS, _GRACE_SECONDS = 30.0, 5.0

_NGINX_CONFIG = """
load_module {module};
daemon off;
{user}worker_processes 1;
worker_rlimit_nofile {files};
error_log stderr error;
pid {folder}/nginx.pid;
events {{ worker_connections {files}; }}
http {{
  access_log off;
  keepalive_timeout 600s;
  keepalive_requests 1000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_body_buffer_size 64k;
  nchan_shared_memory_size 512M;
  server {{
    listen 127.0.0.1:{port} backlog=16384;
    location ~ ^/poll/([\\w-]+)$ {{
      nchan_subscriber longpoll;
      nchan_channel_id $1;
      nchan_subscriber_first_message newest;
      nchan_subscriber_timeout 300s;
    }}
    location ~ ^/change/([\\w-]+)$ {{
      nchan_publisher;
      nchan_channel_id $1;
      nchan_message_buffer_length 1;
    }}
    location = /status {{ nchan_stub_status; }}
  }}
}}
"""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody has, for programs that cannot take port 0."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def running(command: Sequence[str], folder: Path, port: int, env: Mapping[str, str]) -> Iterator[int]:
    """Run a program until it listens on `port`, and end it and its children in the end; yield its process id."""
    with (folder / "output").open("wb") as output, on_server_core():
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _until_listening(process, port, folder / "output")
        yield process.pid
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ask it to end, so that it ends its children itself; kill what is left."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(_PATIENCE_SECONDS)


def _until_listening(process: "subprocess.Popen[bytes]", port: int, output: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), _PATIENCE_SECONDS).close()
        except ConnectionRefusedError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{process.args!r} does not listen: {output.read_text()}") from None
            time.sleep(0.01)
        else:
            return


@contextmanager
def etcd(folder: Path) -> Iterator[tuple[int, int]]:
    """Run etcd with its data in `folder`, which is made, on one processor as our server; yield process and port."""
    assert ETCD is not None
    folder.mkdir()
    port, peer = free_port(), free_port()
    client, other = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer}"
    options = {
        "data-dir": str(folder / "data"),
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": other,
        "initial-advertise-peer-urls": other,
        "initial-cluster": f"default={other}",
        "quota-backend-bytes": str(8 * 1024**3),
        "log-level": "error",
    }
    command = [ETCD, *(f"--{name}={value}" for name, value in options.items())]
    with running(command, folder, port, {"GOMAXPROCS": "1"}) as pid:
        yield pid, port


def nchan_module() -> Path | None:
    """Return where nginx has the nchan module, or None without either."""
    if NGINX is None:
        return None
    built = subprocess.run([NGINX, "-V"], capture_output=True, text=True, check=True).stderr
    found = re.search(r"--modules-path=(\S+)", built)
    module = Path(found[1], _NCHAN_MODULE) if found else None
    return module if module is not None and module.is_file() else None


class Nchan:
    """nginx with nchan: polls parked in C."""

    name = "nchan"

    def __init__(self, pid: int, port: int, message: Answer) -> None:
        self.pid, self.port = pid, port
        self.probe = Probe(port)
        self._message = message

    def version(self, number: int) -> int:
        """See `Subject`; it has none: whoever polls waits for the next message."""
        return 0

    def poll(self, number: int, version: int) -> bytes:
        """See `Subject`."""
        return request("GET", f"/poll/{topic(number)}")

    def change(self, number: int, version: int) -> bytes:
        """See `Subject`."""
        return request("POST", f"/change/{topic(number)}", [("Content-Type", "application/json")], self._message.body)

    def parked(self) -> int:
        """See `Subject`."""
        found = re.search(r"subscribers: (\d+)", self.probe.get("/status").decode())
        assert found is not None
        return int(found[1])

    def close(self) -> None:
        """Close what asks it."""
        self.probe.close()


@contextmanager
def nchan(folder: Path, message: Answer) -> Iterator[Nchan]:
    """Run nginx with one worker in `folder`, which is made; every message has the body of `message`."""
    module = nchan_module()
    assert NGINX is not None
    folder.mkdir()
    port = free_port()
    user = "user root;\n" if os.geteuid() == 0 else ""  # the worker writes into the folder, as we do
    config = folder / "nginx.conf"
    config.write_text(
        _NGINX_CONFIG.format(module=module, folder=folder, port=port, user=user, files=16384), encoding="utf-8"
    )
    command = [NGINX, "-p", str(folder), "-c", str(config), "-e", "stderr"]
    with running(command, folder, port, {}) as pid, closing(Nchan(pid, port, message)) as server:
        yield server
