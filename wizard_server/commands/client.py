"""``wizard-server client``: the browser client as an npm package (contract 10 and 11)."""

import gzip
import io
import json
import tarfile
from typing import Any

from wizard_server import __version__
from wizard_server.storage.new_file import new_file
from wizard_server.web.pages.client_files import client_files

_ENTRIES = {".": "index", "./wizard.types": "wizard.types", "./wizard.schemas": "wizard.schemas"}


def write(target: str) -> int:
    """Write the package to the new file `target` and return the exit status; raises `OutputFileError`.

    The same release gives the same bytes.
    """
    with new_file(target) as path:
        path.write_bytes(gzip.compress(_archive(), mtime=0))
        path.chmod(0o644)
    print(f"wrote {target}: wizard-client {__version__}; npm install {target}")
    return 0


def _archive() -> bytes:
    files = {"package.json": json.dumps(_manifest(), indent=2).encode() + b"\n", **client_files()}
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return written.getvalue()


def _manifest() -> dict[str, Any]:
    entries = {name: {"types": f"./{stem}.d.ts", "default": f"./{stem}.js"} for name, stem in _ENTRIES.items()}
    with_endings = {f"{name}.js": entry for name, entry in entries.items() if name != "."}
    return {
        "name": "wizard-client",
        "version": __version__,
        "description": "Typed, optimistic, live client of wizard-server for browsers and node",
        "license": "Apache-2.0",
        "type": "module",
        "sideEffects": False,
        "main": "./index.js",
        "types": "./index.d.ts",
        "exports": {**entries, **with_endings, "./package.json": "./package.json"},
        "peerDependencies": {"zod": "^4.0.0"},
        "peerDependenciesMeta": {"zod": {"optional": True}},
    }
