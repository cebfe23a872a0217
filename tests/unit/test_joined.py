"""Modules joined into one script."""

import pytest

from wizard_server.web.pages.joined import joined


def test_a_module_stands_once_and_after_those_that_it_imports() -> None:
    modules = {
        "app.js": 'import { a } from "./kit/a.js";\nimport { b } from "./index.js";\nuse(a, b);\n',
        "index.js": 'export { b, c } from "./kit/b.js";\n',
        "kit/a.js": 'import { b } from "./b.js";\nexport const a = b + 1;\n',
        "kit/b.js": "export async function b() {}\nexport class c {}\nconst own = 1;\n",
        "unused.js": "export default 1;\n",
    }
    assert joined(modules, "app.js") == (
        "const $0 = (() => {\nasync function b() {}\nclass c {}\nconst own = 1;\nreturn { b, c };\n})();\n"
        "const $1 = (() => {\nconst { b } = $0;\nconst a = b + 1;\nreturn { a };\n})();\n"
        "const $2 = (() => {\nconst { b, c } = $0;\nreturn { b, c };\n})();\n"
        "const $3 = (() => {\nconst { a } = $1;\nconst { b } = $2;\nuse(a, b);\n})();\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        'import a from "./b.js";\n',
        'import * as a from "./b.js";\n',
        'import "./b.js";\n',
        'import { a as b } from "./b.js";\n',
        'import { a } from "./b.js"; // why\n',
        'import { z } from "zod";\n',
        "export default 1;\n",
        "export let count = 0;\n",
        "export { a };\n",
    ],
)
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"app\.js: cannot join"):
        joined({"app.js": text, "b.js": ""}, "app.js")


def test_a_name_that_is_not_exported_is_refused() -> None:
    modules = {"a.js": 'import { two } from "./b.js";\n', "b.js": "export const one = 1, two = 2;\n"}
    with pytest.raises(ValueError, match=r"b\.js does not export two, which a\.js imports"):
        joined(modules, "a.js")


def test_a_circle_and_a_module_that_is_missing_are_named() -> None:
    circle = {"a.js": 'import { b } from "./b.js";\n', "b.js": 'import { a } from "./a.js";\n'}
    with pytest.raises(ValueError, match=r"a\.js > b\.js > a\.js"):
        joined(circle, "a.js")
    with pytest.raises(ValueError, match=r"there is no module b\.js"):
        joined({"a.js": circle["a.js"]}, "a.js")
