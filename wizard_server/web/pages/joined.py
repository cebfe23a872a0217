"""One script out of many modules: a page asks once instead of eighty times, for three quarters of the bytes.

Each module becomes a function that runs once, after those that it imports. The pages use three forms, and any other is
refused: ``import { a, b } from "./c.js"``, ``export { a } from "./c.js"``, and ``export`` before a function, a class
or a constant.
"""

import re
from collections.abc import Mapping
from posixpath import dirname, join, normpath

_FROM = re.compile(r'^(import|export) \{\s*(\w+(?:,\s*\w+)*),?\s*\} from "(\.[^"]+)";\n', re.M)
_DECLARED = re.compile(r"^export (?=(?:async )?(?:function\*?|class|const) (\w+))", re.M)
_OTHER_FORM = re.compile(r"^(?:import|export)\b.*", re.M)


def joined(modules: Mapping[str, str], entry: str) -> str:
    """Return the script that does what importing `entry` does; `modules` are texts by their paths.

    Raises `ValueError` for a module or a name that is missing, for a circle of imports, and for another form.
    """
    return "".join(_Script(modules).parts(entry))


class _Script:
    def __init__(self, modules: Mapping[str, str]) -> None:
        self._modules = modules
        self._names: dict[str, str] = {}
        self._exported: dict[str, list[str]] = {}
        self._parts: list[str] = []

    def parts(self, entry: str) -> list[str]:
        """Return the functions of `entry` and of all that it imports, each after those that it imports."""
        self._add(entry, ())
        return self._parts

    def _add(self, path: str, importing: tuple[str, ...]) -> None:
        if path in importing:
            raise ValueError(f"a circle of imports: {' > '.join((*importing, path))}")
        if path in self._names:
            return
        if path not in self._modules:
            raise ValueError(f"there is no module {path}")
        exported: list[str] = []

        def bound(found: re.Match[str]) -> str:
            kind, members, target = found.groups()
            imported = normpath(join(dirname(path), target))
            self._add(imported, (*importing, path))
            names = members.replace(",", " ").split()
            if missing := set(names) - set(self._exported[imported]):
                raise ValueError(f"{imported} does not export {missing.pop()}, which {path} imports")
            if kind == "export":
                exported.extend(names)
            return f"const {{ {members} }} = {self._names[imported]};\n"

        text = _FROM.sub(bound, self._modules[path])
        exported += _DECLARED.findall(text)
        text = _DECLARED.sub("", text)
        if other := _OTHER_FORM.search(text):
            raise ValueError(f"{path}: cannot join {other[0]}")
        self._exported[path] = exported
        self._names[path] = f"${len(self._names)}"
        result = f"return {{ {', '.join(exported)} }};\n" if exported else ""
        self._parts.append(f"const {self._names[path]} = (() => {{\n{text}{result}}})();\n")
