"""Calls with models made by datamodel-code-generator, the module ``made``: see ``test_generated.py``."""

import importlib
import json
import sys
import urllib.error
import urllib.request
from typing import Any

URL, TOKEN = sys.argv[1:]
made: Any = importlib.import_module("made")


def call(method: str, path: str, body: Any = None) -> tuple[int, Any]:
    data = None if body is None else body.model_dump_json(exclude_unset=True).encode()
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"} if data else {}
    request = urllib.request.Request(URL + path, data, {"Authorization": f"Bearer {TOKEN}", **headers}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


states = "/api/v1/wizard-state"
status, body = call("POST", states, made.WizardStateCreate(investigation_id="inv-models", user_id="analyst"))
created = made.WizardStateResponse.model_validate(body)
assert (status, created.version, created.settings) == (201, 1, None)

change = made.WizardStateUpdate(status="ERROR", version=1)
status, body = call("PATCH", f"{states}/inv-models", change)
assert made.WizardStateResponse.model_validate(body).version == 2

_, body = call("GET", f"{states}/inv-models")
status, body = call("PUT", f"{states}/inv-models", made.WizardStateUpdate.model_validate(body))
assert (status, body["version"]) == (200, 2), body

status, body = call("PATCH", f"{states}/inv-models", change)
conflict = made.VersionConflictProblem.model_validate(body)
assert (status, conflict.code, conflict.current.version) == (409, "version-conflict", 2)

status, body = call("GET", f"{states}/absent")
absent = made.NotFoundProblem.model_validate(body)
assert (status, absent.code, absent.status) == (404, "not-found", 404)
print("as expected")
