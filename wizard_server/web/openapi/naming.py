"""The name, the tag and the texts of each operation, from its route and the docstring of its handler."""

import inspect
import re
from collections.abc import Sequence

from wizard_server.web.http.route import AnyRoute
from wizard_server.web.openapi.schemas import Schema


def operation_id(route: AnyRoute) -> str:
    """Return the unique name of an operation, made from its method and path."""
    words = re.findall(r"[a-z0-9]+", route.path.removeprefix("/api"))
    return "_".join([route.method.lower(), *words])


def tag(route: AnyRoute) -> str:
    """Return the tag of an operation: the module of its handler."""
    return str(route.handler.__module__).rpartition(".")[2]


def tags(routes: Sequence[AnyRoute]) -> list[Schema]:
    """Return the tags of `routes`, each with the first line of its module's docstring."""
    found: dict[str, Schema] = {}
    for route in routes:
        module = inspect.getmodule(route.handler)
        text = (inspect.getdoc(module) or "").partition("\n")[0].replace("``", "`")
        found.setdefault(tag(route), {"name": tag(route), "description": text})
    return list(found.values())


def summary(text: str) -> str:
    """Return the first clause of `text`."""
    return re.split(r"[.;:](?:\s|$)", " ".join(text.split()), maxsplit=1)[0].replace("`", "")


def described(route: AnyRoute, text: str) -> str:
    """Return the whole docstring of the handler, and the flags that have to be on."""
    flags = ", ".join(f"`{feature}`" for feature in route.features)
    needs = f"Belongs to {flags}: switched off it answers 404 `feature-disabled`." if flags else ""
    return "\n\n".join(filter(None, [text.replace("``", "`"), needs]))
