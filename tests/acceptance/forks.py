"""Servers forked from one process that has imported them: Python's start and the imports are most of a server's start.

What is forked is a process as `Popen` starts it: a session, streams, a folder and an environment of its own, and the
exit status of its end. Run as a module, this is the process that forks; it ends when its standard input does.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

_CHECKOUT = Path(__file__).resolve().parents[2]
_MOST_BYTES = 1 << 16
_FILES = 3  # standard output, standard error, and the pipe that the exit status is written to


class Forked:
    """One forked process: what `Popen` has of a process that was started."""

    def __init__(self, pid: int, ended: int) -> None:
        self.pid = pid
        self._ended = ended
        self._status: int | None = None

    def poll(self) -> int | None:
        """Return the exit status (negative: the signal), or None while it runs."""
        return self._read(0)

    def wait(self, timeout: float) -> int:
        """Return the exit status; raise `subprocess.TimeoutExpired` after `timeout` seconds."""
        status = self._read(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        return status

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def _read(self, timeout: float) -> int | None:
        if self._status is None and select.select([self._ended], [], [], timeout)[0]:
            self._status = int(os.read(self._ended, 16))
            os.close(self._ended)
        return self._status


class Forks:
    """The process that forks, as its parent has it; it is started by the first `fork` and ends with the parent."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None

    def fork(
        self, arguments: Sequence[str], folder: Path, env: Mapping[str, str], stdout: BinaryIO, stderr: BinaryIO
    ) -> Forked:
        """Run ``wizard-server`` with `arguments` in `folder`."""
        control = self._control = self._control or _start(env)
        ended, end = os.pipe()
        request = json.dumps([arguments, str(folder), dict(env)]).encode()
        socket.send_fds(control, [request], [stdout.fileno(), stderr.fileno(), end])
        os.close(end)
        return Forked(int(control.recv(16)), ended)


def _start(env: Mapping[str, str]) -> socket.socket:
    control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", __name__]
    with theirs:
        process = subprocess.Popen(command, cwd=_CHECKOUT, env=env, stdin=theirs.fileno(), start_new_session=True)

    def end() -> None:
        control.close()
        process.wait()

    atexit.register(end)
    return control


def _fork_all() -> list[str]:
    """Fork whenever it is asked for; return in a forked process, with its arguments."""
    control = socket.socket(fileno=0)
    running: dict[int, tuple[int, int]] = {}  # a pidfd: the process, and where its exit status is written
    while True:
        for ready in select.select([0, *running], [], [])[0]:
            if ready:
                pid, end = running.pop(ready)
                os.write(end, b"%d" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                os.close(end)
                os.close(ready)
                continue
            request, files, _, _ = socket.recv_fds(control, _MOST_BYTES, _FILES)
            if not request:
                os._exit(0)
            pid = os.fork()
            if not pid:
                control.detach()
                return _become(request, *files[:2])
            running[os.pidfd_open(pid)] = (pid, files[2])
            os.close(files[0])
            os.close(files[1])
            control.send(b"%d" % pid)


def _become(request: bytes, stdout: int, stderr: int) -> list[str]:
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    for theirs, ours in enumerate((null, stdout, stderr)):
        os.dup2(ours, theirs)
    os.closerange(3, 1024)
    arguments, folder, env = json.loads(request)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    return list(arguments)


if __name__ == "__main__":
    from wizard_server.cli import main
    from wizard_server.commands import serve

    assert serve  # imported, so that no fork has to
    sys.exit(main(_fork_all()))
