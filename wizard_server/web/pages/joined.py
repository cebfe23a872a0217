"""One script out of many modules: a page asks once instead of eighty times, for three quarters of the bytes.

Each module becomes a function that runs once, after those that it imports. The pages use three forms, and any other is
refused: ``import { a, b } from "./c.js"``, ``export { a } from "./c.js"``, and ``export`` before a function, a class
or a constant.
"""

import re
from collections.abc import Callable, Mapping
from posixpath import dirname, join, normpath

_FROM = re.compile(r'^(import|export) \{\s*(\w+(?:,\s*\w+)*),?\s*\} from "(\.[^"]+)";\n', re.M)
_DECLARED = re.compile(r"^export (?=(?:async )?(?:function\*?|class|const) (\w+))", re.M)
_OTHER_FORM = re.compile(r"^(?:import|export)\b.*", re.M)


def joined(modules: Mapping[str, str], entry: str) -> str:
    """Return the script that does what importing `entry` does; `modules` are texts by their paths.

    Raises `ValueError` for a module that is missing, imports itself by a circle, or uses another form.
    """
    names: dict[str, str] = {}
    script: list[str] = []

    def add(path: str, importing: tuple[str, ...]) -> str:
        """Add a module after those that it imports, unless it is there, and return its name in the script."""
        if path in importing:
            raise ValueError(f"a circle of imports: {' > '.join((*importing, path))}")
        if path not in names:
            text = _module(path, modules, lambda inner: add(inner, (*importing, path)))
            names[path] = f"${len(names)}"
            script.append(f"const {names[path]} = (() => {{\n{text}}})();\n")
        return names[path]

    add(entry, ())
    return "".join(script)


def _module(path: str, modules: Mapping[str, str], add: Callable[[str], str]) -> str:
    if path not in modules:
        raise ValueError(f"there is no module {path}")
    exported: list[str] = []

    def bound(found: re.Match[str]) -> str:
        kind, members, target = found.groups()
        name = add(normpath(join(dirname(path), target)))
        if kind == "export":
            exported.extend(each.strip() for each in members.split(","))
        return f"const {{ {members} }} = {name};\n"

    text = _FROM.sub(bound, modules[path])
    exported += _DECLARED.findall(text)
    text = _DECLARED.sub("", text)
    if other := _OTHER_FORM.search(text):
        raise ValueError(f"{path}: cannot join {other[0]}")
    return f"{text}return {{ {', '.join(exported)} }};\n" if exported else text
