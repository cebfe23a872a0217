"""The command line: arguments, then the configuration, then the command (contract 10).

A command is imported when it is run, because most need neither `web` nor rich, whose imports take longer than they run.
"""

import argparse
import asyncio
import gc
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wizard_server import __version__
from wizard_server.commands.console import READER_GONE, has_no_room, open_streams, say_no_more, tell
from wizard_server.config.loading import ServerConfig, load_wizard_config
from wizard_server.domain.clock import utc_now
from wizard_server.errors import ConfigError, WizardError

EXIT_CONFIG = 78
DEFAULT_CONFIG = "config.toml"
_DESCRIPTION = (
    "Keeps the state of a multi-step investigation wizard and tells everybody who watches it the moment it changes."
    " Begin with: wizard-server demo"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 1 for a refusal, 2 for wrong arguments, 78 for a configuration.

    141 (`SIGPIPE`, as shells report it), without a message, when the reader of standard output goes away; 1 when
    standard output has no room.
    """
    open_streams()
    status = READER_GONE
    try:
        try:
            return _run(argv)
        finally:
            sys.stdout.flush()  # at exit Python would print a traceback for an error
    except* BrokenPipeError:
        say_no_more()
    except* OSError as errors:
        if errors.split(has_no_room)[1] is not None:
            raise
        say_no_more()
        tell("wizard-server: cannot write to standard output: no space left")
        status = 1
    return status


def _run(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except ConfigError as error:
        tell(error.message)
        return EXIT_CONFIG
    except WizardError as error:
        tell(f"wizard-server: {error.message}")
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="wizard-server", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = _command(commands, "serve", _serve, "run the server until it is stopped (Ctrl-C, SIGTERM)")
    serve.add_argument("--host", help="listen here instead of [server] host")
    serve.add_argument("--port", type=int, help="listen here instead of [server] port; 0 takes a free one")

    demo = _command(commands, "demo", _demo, "watch agents work on an investigation, and on what you start in the page")
    demo.add_argument("--once", action="store_true", help="end when the investigation is done")

    schema = _command(commands, "schema", _schema, "show, create, update or compare the tables of the database")
    schema.add_argument(
        "action",
        choices=["status", "apply", "check", "show"],
        help="status: which scripts are in; apply: run the missing ones; check: compare the database with what the"
        " server expects; show: print the schema",
    )
    schema.add_argument("name", nargs="?", help="show: one table, index or trigger")
    schema.add_argument("--json", action="store_true", help="status, check, show: print one JSON object")
    schema.add_argument("--data", action="store_true", help="check: also name every row that the server cannot read")

    token = _command(commands, "token", _token, "print a token for development (mode jwt with a secret)")
    token.add_argument("--user", required=True, help="the user that the token identifies")
    token.add_argument("--scope", default="wizard:read wizard:write", help="scopes, separated by spaces")
    token.add_argument("--ttl", type=int, default=3600, help="seconds until the token expires")

    _add_data_commands(commands)

    _command(commands, "openapi", _openapi, "print the description of the API, OpenAPI 3.1")

    client = _command(commands, "client", _client, "write the browser client as an npm package")
    client.add_argument("file", metavar="FILE.tgz", help="the new file; an existing one is refused")

    config = _command(commands, "config", _config, "check the configuration and print what is in force, secrets masked")
    config.add_argument("action", choices=["check"], help="the one thing to do with it")
    config.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _add_data_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    purge = _command(commands, "purge", _purge, "remove what is older than [state] history_max_age_days")
    purge.add_argument("--dry-run", action="store_true", help="print what would go, and remove nothing")

    backup = _command(commands, "backup", _backup, "copy the database, while the server may run, and verify the copy")
    backup.add_argument("file", metavar="FILE", help="the copy; an existing file is refused")

    export = _command(commands, "export", _export, "write everything in the database as JSON lines")
    export.add_argument("file", metavar="FILE", help="the new file, or - for standard output")

    import_ = _command(commands, "import", _import, "add what export has written to the database")
    import_.add_argument("file", metavar="FILE", help="the export, or - for standard input")
    import_.add_argument("--keep-going", action="store_true", help="add the good lines when there are bad ones")


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: Callable[[argparse.Namespace], int],
    summary: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=summary, description=summary)
    parser.add_argument("--config", metavar="F", help=f"the configuration file (default: {DEFAULT_CONFIG})")
    parser.set_defaults(command=run)
    return parser


def _load(arguments: argparse.Namespace, server: Mapping[str, Any] | None = None) -> ServerConfig:
    return load_wizard_config(arguments.config, overrides={"server": server} if server else None)


def _serve(arguments: argparse.Namespace) -> int:
    from wizard_server.commands import event_loop

    config = _load(arguments, {"host": arguments.host, "port": arguments.port})
    event_loop.require(config.server.loop)
    if config.server.workers > 1:
        from wizard_server.commands import workers

        return workers.supervise(config, arguments.config or DEFAULT_CONFIG)
    gc.disable()  # until the server listens, because passes over what is loaded take an eighth of the start
    from wizard_server.commands import serve as serve_command  # takes a second: a wrong configuration comes first

    return event_loop.run(serve_command.serve(config, arguments.config or DEFAULT_CONFIG), config.server.loop)


def _demo(arguments: argparse.Namespace) -> int:
    from wizard_server.demo import command as demo_command

    if arguments.config is not None:
        _load(arguments)  # the demo has a configuration of its own, but an invalid file is reported
    return asyncio.run(demo_command.demo(once=arguments.once))


def _schema(arguments: argparse.Namespace) -> int:
    from wizard_server.commands import schema as schema_command

    path, config = _database(arguments)
    if arguments.data and arguments.action != "check":
        print("wizard-server: --data goes with check", file=sys.stderr)
        return 2
    if arguments.action == "show":
        return asyncio.run(schema_command.show(path, config, arguments.name, as_json=arguments.json))
    if arguments.action == "apply" and arguments.json:
        print("wizard-server: --json goes with status, check and show", file=sys.stderr)
        return 2
    if arguments.action == "apply":
        return asyncio.run(schema_command.apply(path, config))
    if arguments.action == "check":
        return asyncio.run(schema_command.check(path, config, as_json=arguments.json, data=arguments.data))
    return asyncio.run(schema_command.status(path, config, as_json=arguments.json))


def _database(arguments: argparse.Namespace) -> tuple[str, str]:
    """Return the database file and the configuration file that names it."""
    return _load(arguments).database.target, arguments.config or DEFAULT_CONFIG


def _purge(arguments: argparse.Namespace) -> int:
    from wizard_server.commands import purge as purge_command

    config = _load(arguments)
    command = purge_command.purge(
        config.database.target,
        max_age_days=config.state.history_max_age_days,
        dry_run=arguments.dry_run,
        now=utc_now(),
        config=arguments.config or DEFAULT_CONFIG,
    )
    return asyncio.run(command)


def _backup(arguments: argparse.Namespace) -> int:
    from wizard_server.commands import backup as backup_command

    if arguments.file == "-":
        print("wizard-server: backup writes a file, because it verifies it: - cannot be one", file=sys.stderr)
        return 2
    return asyncio.run(backup_command.backup(*_database(arguments), arguments.file))


def _export(arguments: argparse.Namespace) -> int:
    from wizard_server.commands import export as export_command

    return asyncio.run(export_command.export(*_database(arguments), arguments.file))


def _import(arguments: argparse.Namespace) -> int:
    from wizard_server.commands import import_ as import_command

    command = import_command.import_file(*_database(arguments), arguments.file, keep_going=arguments.keep_going)
    return asyncio.run(command)


def _token(arguments: argparse.Namespace) -> int:
    from wizard_server.commands import token as token_command

    return token_command.mint(_load(arguments), arguments.user, arguments.scope, arguments.ttl)


def _config(arguments: argparse.Namespace) -> int:
    from wizard_server.commands import config as config_command

    return config_command.check(arguments.config, as_json=arguments.json)


def _openapi(arguments: argparse.Namespace) -> int:
    from wizard_server.commands import openapi as openapi_command

    return openapi_command.write(_load(arguments))


def _client(arguments: argparse.Namespace) -> int:
    from wizard_server.commands import client as client_command

    if arguments.config is not None:
        _load(arguments)  # the command needs none, but an invalid file is reported
    return client_command.write(arguments.file)
