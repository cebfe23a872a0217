"""What we use of other packages that they do not offer: each name is listed here, with who has it.

An upgrade that takes one away fails here and says which. A new use fails here as well, until it is listed; the upper
bounds in ``pyproject.toml`` belong to this list.
"""

import ast
import importlib
import importlib.metadata
import inspect
import textwrap
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import wizard_server

# What our classes share with those they are made from: the module of ours, the names, the class that has them.
_INHERITED = {
    ("web.http.connections", "aiohttp.base_protocol.BaseProtocol"): ("_buffer_paused", "_reading_paused"),
    ("web.http.connections", "aiohttp.web_protocol.RequestHandler"): (
        "_close",
        "_current_request",
        "_force_close",
        "_handle_request",
        "_lingering_time",
        "_make_error_handler",
        "_messages",
        "_parser",
        "_payload_parser",
        "_request_count",
        "_upgraded",
    ),
    ("web.http.held_requests", "aiohttp.base_protocol.BaseProtocol"): ("_buffer_paused", "_reading_paused"),
    ("web.http.held_requests", "aiohttp.web_protocol.RequestHandler"): (
        "_max_msg_queue_size",
        "_messages",
        "_parser",
        "_read_bufsize",
        "_upgraded",
    ),
    ("web.http.repeating", "aiohttp.web_protocol.RequestHandler"): (
        "_next_keepalive_close_time",
        "_upgraded",
        "_waiter",
    ),
    ("web.http.slow_clients", "aiohttp.base_protocol.BaseProtocol"): ("_buffer_paused", "_reading_paused"),
    ("web.http.slow_clients", "aiohttp.web_protocol.RequestHandler"): ("_messages", "_upgraded", "_waiter"),
    ("web.http.runner", "aiohttp.web_runner.AppRunner"): ("_make_server",),
    ("web.http.prepared", "aiohttp.web_response.StreamResponse"): (
        "_eof_sent",
        "_headers",
        "_keep_alive",
        "_payload_writer",
        "_status",
    ),
}
INHERITED = {(module, name, owner) for (module, owner), names in _INHERITED.items() for name in names}
# What is used of objects of other packages, or imported: the module of ours, the name, the class or module that has it.
REACHED = {
    ("domain.patterns", "_constants", "re"),
    ("domain.patterns", "_parser", "re"),
    ("web.http.connections", "_ErrInfo", "aiohttp.web_protocol"),
    ("web.http.slow_clients", "_ErrInfo", "aiohttp.web_protocol"),
    ("web.http.prepared", "_prepare_hook", "aiohttp.web_request.BaseRequest"),
    ("storage.sqlite.connection", "_conn", "aiosqlite.core.Connection"),
    ("storage.sqlite.connection", "_execute", "aiosqlite.core.Connection"),
}
# What is imported from modules of these packages that their documentation does not name.
UNDOCUMENTED = {
    ("web.http.targets", "RawRequestMessage", "aiohttp.http"),
    ("web.http.held_requests", "HttpRequestParser", "aiohttp.http"),
    ("web.http.held_requests", "RawRequestMessage", "aiohttp.http"),
    ("web.http.targets", "ERROR", "aiohttp.web_protocol"),
    ("web.http.connections", "BadHttpMessage", "aiohttp.http_exceptions"),
    ("web.http.refused_requests", "LineTooLong", "aiohttp.http_exceptions"),
    ("logs", "HttpProcessingError", "aiohttp.http_exceptions"),
}
_DOCUMENTED = {"aiohttp.abc", "aiohttp.web", "aiohttp.hdrs"}
_READ_INTO = ("aiohttp", "aiosqlite")
# The language's own: named tuples have them, and the system call that ends a process is called so.
_NO_SECRETS = {"_replace", "_asdict", "_fields", "_exit"}


@cache
def trees() -> dict[str, ast.Module]:
    """Return the text of every module of ours, by its name below the package."""
    root = Path(wizard_server.__file__).parent
    names = {path: ".".join(path.relative_to(root).with_suffix("").parts) for path in sorted(root.rglob("*.py"))}
    return {name: ast.parse(path.read_text(encoding="utf-8")) for path, name in names.items()}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in _NO_SECRETS


def classes() -> Iterator[tuple[str, type, ast.ClassDef]]:
    """Yield the classes at the top of our modules: the module, the class, its text."""
    for name, tree in trees().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not name.endswith("__main__"):
                module = importlib.import_module(f"wizard_server.{name}".removesuffix(".__init__"))
                yield name, getattr(module, node.name), node


@cache
def own_names(foreign: type) -> frozenset[str]:
    """Return the private names that a class of somebody else has: members, slots, and what its text sets on `self`."""
    names = {name for name in vars(foreign) if is_private(name)}
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(foreign)))
    except (OSError, TypeError):
        return frozenset(names)
    return frozenset(names | set(set_on_self(tree)))


def set_on_self(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_private(node.attr):
            yield node.attr


def touched(node: ast.ClassDef) -> set[str]:
    """Return the private names that a class of ours uses of itself, defines, or keeps room for."""
    names = {used.attr for used in ast.walk(node) if isinstance(used, ast.Attribute) and is_self(used.value)}
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(statement.name)
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return {name for name in names if is_private(name)}


def is_self(node: ast.expr) -> bool:
    """Whether `node` is `self`, `cls` or ``super()``."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "super"
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def is_ours(known: type) -> bool:
    return known.__module__.split(".")[0] == "wizard_server"


def inherited() -> Iterator[tuple[str, str, str]]:
    """Yield what our classes share with the classes of others that they are made from."""
    for module, known, node in classes():
        others = [base for base in known.__mro__ if not is_ours(base) and base is not object]
        for name in touched(node):
            owner = next((base for base in others if name in own_names(base)), None)
            if owner is not None and owner.__module__ != "builtins":
                yield module, name, f"{owner.__module__}.{owner.__qualname__}"


def reached_into() -> Iterator[tuple[str, str]]:
    """Yield the private names that we use of other objects than `self`, unless the same module makes them."""
    for module, tree in trees().items():
        made = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        made |= set(set_on_self(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and is_private(node.attr) and not is_self(node.value):
                if node.attr not in made:
                    yield module, node.attr
            elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("wizard_server"):
                yield from ((module, alias.name) for alias in node.names if is_private(alias.name))
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "import_module":
                paths = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
                yield from ((module, name) for path in paths if is_private(name := str(path).rpartition(".")[2]))


def imported() -> Iterator[tuple[str, str, str]]:
    """Yield what comes from modules that the documentation of their package does not name."""
    for module, tree in trees().items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or node.module is None or node.module in _DOCUMENTED:
                continue
            if node.module.startswith(tuple(f"{package}." for package in _READ_INTO)):
                yield from ((module, alias.name, node.module) for alias in node.names if not is_private(alias.name))


def owner_of(path: str) -> object:
    """Return the class or module of that name."""
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        return getattr(importlib.import_module(module), name)


def test_what_our_classes_share_with_those_they_are_made_from_is_listed() -> None:
    assert set(inherited()) == INHERITED


def test_what_we_reach_into_is_listed() -> None:
    assert set(reached_into()) == {(module, name) for module, name, _ in REACHED}


def test_what_we_import_from_undocumented_modules_is_listed() -> None:
    assert set(imported()) == UNDOCUMENTED


def test_bounds_stop_below_the_next_minor_version_of_what_we_reach_into() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for package in _READ_INTO:
        [bound] = [line for line in project["dependencies"] if line.startswith(f"{package}>=")]
        major, minor, *_ = map(int, importlib.metadata.version(package).split("."))
        assert bound.endswith(f",<{major}.{minor + 1}"), "read what changed, run this test, then raise the bound"


@pytest.mark.parametrize(("module", "name", "owner"), sorted(INHERITED | REACHED | UNDOCUMENTED))
def test_its_owner_still_has_it(module: str, name: str, owner: str) -> None:
    found = owner_of(owner)
    has_it = name in own_names(found) if isinstance(found, type) else hasattr(found, name)
    assert has_it, f"{owner} has no {name} any more, which wizard_server.{module} uses"
