"""``[server] workers``: one process that serves nothing and looks after those that do, on one port.

The listening sockets are made here and inherited, one set a worker, so that the kernel shares out the connections, and
those of a worker that has crashed wait for the next one. Workers end when the pipe of life does: at a signal to this
process, or with it. Nothing of the server is imported before a worker is forked: each has its own of everything.
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
# A worker that ends sooner is started again after longer and longer pauses; seconds.
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
    def __init__(self, config: ServerConfig, config_path: str, sockets: Sequence[socket.socket]) -> None:
        self._config = config
        self._config_path = config_path
        self._sockets = sockets
        self._life, self._hold = os.pipe()
        self._workers: dict[int, tuple[int, float]] = {}  # process id: number, when it was started
        self._quick_ends = dict.fromkeys(range(1, config.server.workers + 1), 0)
        self._due: dict[int, float] = {}

    def run(self) -> int:
        status = self._start_all()
        if status is None:
            print(f"Listening on {url_of(self._config.server.host, self._sockets)}", flush=True)
            self._look_after()
        os.close(self._hold)
        for each in self._sockets:
            each.close()
        self._wait_for_all()
        return status or 0

    def _start_all(self) -> int | None:
        """Start every worker; return an exit status when the first one does not get ready, and says why."""
        for number in self._quick_ends:
            ready = self._start(number)
            is_ready = _heard_from(ready)
            os.close(ready)
            if not is_ready and number == 1:
                if signal.sigpending() & _STOP:
                    return 0
                (pid,) = self._workers
                self._workers.clear()
                return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) or 1
        return None

    def _look_after(self) -> None:
        while True:
            if not self._due:
                number = signal.sigwaitinfo(_AWAITED).si_signo
            else:
                told = signal.sigtimedwait(_AWAITED, max(min(self._due.values()) - monotonic(), 0))
                number = told.si_signo if told else 0
            if number in _STOP:
                return
            self._reap()
            for due in [number for number, moment in self._due.items() if moment <= monotonic()]:
                del self._due[due]
                os.close(self._start(due))

    def _reap(self) -> None:
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
        """Fork a worker; return the end of a pipe on which it says that it is ready."""
        ready, says = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(ready)
            os.close(self._hold)
            os._exit(self._work(number, says))
        os.close(says)
        self._workers[pid] = (number, monotonic())
        return ready

    def _work(self, number: int, ready: int) -> int:
        """Serve, in a worker; return the exit status."""
        own = self._sockets[number - 1 :: len(self._quick_ends)]
        for each in set(self._sockets).difference(own):
            each.close()
        try:
            from wizard_server.commands.event_loop import run
            from wizard_server.commands.serve import Inherited, serve

            inherited = Inherited(number, own, self._life, ready)
            return run(serve(self._config, self._config_path, inherited), self._config.server.loop)
        except BaseException:  # noqa: BLE001 - nothing may go on in what is a copy of the supervisor
            traceback.print_exc()
            return 1
        finally:
            sys.stdout.flush()
            logging.shutdown()

    def _wait_for_all(self) -> None:
        """Return once every worker has ended; another signal ends them whatever they do."""
        while self._workers:
            for pid in list(self._workers):
                if os.waitpid(pid, os.WNOHANG)[0]:
                    del self._workers[pid]
            if self._workers and signal.sigwaitinfo(_AWAITED).si_signo in _STOP:
                for pid in self._workers:
                    os.kill(pid, signal.SIGKILL)


def _heard_from(ready: int) -> bool:
    """Whether a worker says that it is ready, rather than that it ends or that we are asked to stop first."""
    while not select.select([ready], [], [], 0.1)[0]:
        if signal.sigpending() & _STOP:
            return False
    return bool(os.read(ready, 1))
