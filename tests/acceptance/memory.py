"""What connections cost a server of memory."""

from pathlib import Path

from tests.acceptance.process import ServerProcess

SOCKET = "/ws/investigation/inv-1"


def resident_bytes(server: ServerProcess) -> int:
    lines = Path(f"/proc/{server.pid}/status").read_text(encoding="ascii").splitlines()
    [kilobytes] = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(kilobytes) * 1024
