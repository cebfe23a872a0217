"""``[server] workers``: a supervisor forks the processes that serve, all on one port, and starts again what crashes.

The supervisor opens the listening sockets and each worker inherits a set of its own, so that the kernel distributes the
connections. Connections of a worker that has crashed wait in its sockets for its successor. Each worker holds the read
end of a pipe whose write end is the supervisor's: it drains when that end closes, because the supervisor was asked to
stop or is gone. The server is imported after the fork, so that each worker has everything of its own.
"""

import logging
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from time import monotonic

from wizard_server import logs
from wizard_server.commands.console import tell
from wizard_server.config.loading import ServerConfig
from wizard_server.web.http.acceptor import BACKLOG, listen, sockets_for, url_of

logger = logging.getLogger(__name__)
_STOP = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_AWAITED = _STOP | {signal.SIGCHLD}
# A worker that ends within this many seconds is restarted after a pause, longer each time in a row.
_SOON = 5.0
_PAUSES = (0.0, 0.2, 0.4, 0.8, 1.6, 5.0)


def supervise(config: ServerConfig, config_path: str) -> int:
    """Serve with several workers until SIGTERM, SIGINT or SIGHUP; return the exit status."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
    logs.configure(config.logging)
    count = config.server.workers
    try:
        per_worker = -(-sockets_for(BACKLOG) // count)
        sockets = listen(config.server.host, config.server.port, BACKLOG, per_worker * count)
    except OSError as error:
        tell(f"wizard-server: cannot listen on {config.server.host}:{config.server.port}: {error}")
        return 1
    return _Supervisor(config, config_path, sockets).run()


class _Supervisor:
    """Starts workers, restarts those that end, and stops them all at a signal."""

    def __init__(self, config: ServerConfig, config_path: str, sockets: Sequence[socket.socket]) -> None:
        self._config = config
        self._config_path = config_path
        self._sockets = sockets
        self._life, self._hold = os.pipe()
        self._workers: dict[int, tuple[int, float]] = {}  # by process id: the number of the worker, when it started
        # By the number of the worker: how often in a row it ended soon, and when it is due to be restarted.
        self._quick_ends = dict.fromkeys(range(1, config.server.workers + 1), 0)
        self._due: dict[int, float] = {}

    def run(self) -> int:
        """Serve until a signal comes; return the exit status."""
        status = self._start_all()
        if status is None:
            print(f"Listening on {url_of(self._config.server.host, self._sockets)}", flush=True)
            self._restart_until_stopped()
        os.close(self._hold)
        for each in self._sockets:
            each.close()
        self._wait_for_all()
        return status or 0

    def _start_all(self) -> int | None:
        """Start every worker; return the exit status of the first one when it ends before it is ready."""
        for number in self._quick_ends:
            ready = self._start(number)
            is_ready = _is_ready(ready)
            os.close(ready)
            if not is_ready and number == 1:
                if signal.sigpending() & _STOP:
                    return 0
                (pid,) = self._workers
                self._workers.clear()
                return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) or 1
        return None

    def _restart_until_stopped(self) -> None:
        """Restart workers that end; return at a signal to stop."""
        while True:
            if not self._due:
                number = signal.sigwaitinfo(_AWAITED).si_signo
            else:
                received = signal.sigtimedwait(_AWAITED, max(min(self._due.values()) - monotonic(), 0))
                number = received.si_signo if received else 0
            if number in _STOP:
                return
            self._reap()
            for due in [number for number, moment in self._due.items() if moment <= monotonic()]:
                del self._due[due]
                os.close(self._start(due))

    def _reap(self) -> None:
        """Collect the workers that have ended, and note when each is to be restarted."""
        for pid, (number, started) in list(self._workers.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended:
                continue
            del self._workers[pid]
            self._quick_ends[number] = self._quick_ends[number] + 1 if monotonic() - started < _SOON else 0
            pause = _PAUSES[min(self._quick_ends[number], len(_PAUSES) - 1)]
            self._due[number] = monotonic() + pause
            fields = {"worker": number, "pid": pid, "status": os.waitstatus_to_exitcode(status), "again_in": pause}
            logger.error("worker ended", extra=fields)

    def _start(self, number: int) -> int:
        """Fork a worker; return the read end of the pipe that it writes to when it is ready."""
        ready, reports = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(ready)
            os.close(self._hold)
            os._exit(self._work(number, reports))
        os.close(reports)
        self._workers[pid] = (number, monotonic())
        return ready

    def _work(self, number: int, ready: int) -> int:
        """Serve in the worker's process; return the exit status."""
        own = self._sockets[number - 1 :: len(self._quick_ends)]
        for each in set(self._sockets).difference(own):
            each.close()
        try:
            from wizard_server.commands.event_loop import run
            from wizard_server.commands.serve import Inherited, serve

            inherited = Inherited(number, own, self._life, ready)
            return run(serve(self._config, self._config_path, inherited), self._config.server.loop)
        except BaseException:  # noqa: BLE001 - the copy of the supervisor must not go on
            traceback.print_exc()
            return 1
        finally:
            sys.stdout.flush()
            logging.shutdown()

    def _wait_for_all(self) -> None:
        """Return when every worker has ended; another signal kills them at once."""
        while self._workers:
            for pid in list(self._workers):
                if os.waitpid(pid, os.WNOHANG)[0]:
                    del self._workers[pid]
            if self._workers and signal.sigwaitinfo(_AWAITED).si_signo in _STOP:
                for pid in self._workers:
                    os.kill(pid, signal.SIGKILL)


def _is_ready(ready: int) -> bool:
    """Wait for a worker; whether it became ready before it ended or a signal to stop came."""
    while not select.select([ready], [], [], 0.1)[0]:
        if signal.sigpending() & _STOP:
            return False
    return bool(os.read(ready, 1))
