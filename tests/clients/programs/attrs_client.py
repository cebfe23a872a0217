"""Calls with a client made by openapi-python-client, the package ``made``: see ``test_generated.py``."""

import importlib
import sys
from typing import Any

URL, TOKEN = sys.argv[1:]


def operation(name: str) -> Any:
    return importlib.import_module(f"made.api.states.{name}")


models: Any = importlib.import_module("made.models")
client: Any = importlib.import_module("made").AuthenticatedClient(base_url=URL, token=TOKEN)

body = models.WizardStateCreate(investigation_id="inv-attrs", user_id="analyst")
created = operation("post_v1_wizard_state").sync(client=client, body=body)
assert (type(created), created.version) == (models.WizardStateResponse, 1), created

statuses = [models.InvestigationStatus.IN_PROGRESS, models.InvestigationStatus.ERROR]
listed = operation("get_v1_wizard_state").sync(client=client, status=statuses)
assert [item.investigation_id for item in listed.items] == ["inv-attrs"], listed

update = operation("patch_v1_wizard_state_investigation_id")
change = models.WizardStateUpdate(status=models.InvestigationStatus.ERROR, version=1)
changed = update.sync("inv-attrs", client=client, body=change)
assert (type(changed), changed.version) == (models.WizardStateResponse, 2), changed

state = operation("get_v1_wizard_state_investigation_id").sync("inv-attrs", client=client)
same = models.WizardStateUpdate.from_dict(state.to_dict())
kept = operation("put_v1_wizard_state_investigation_id").sync("inv-attrs", client=client, body=same)
assert (type(kept), kept.version) == (models.WizardStateResponse, 2), kept

conflict = update.sync("inv-attrs", client=client, body=change)
assert type(conflict) is models.VersionConflictProblem, conflict
assert (conflict.code, conflict.current.version, conflict.changed_fields) == ("version-conflict", 2, ["status"])

absent = operation("get_v1_wizard_state_investigation_id").sync("absent", client=client)
assert (type(absent), absent.code, absent.status) == (models.NotFoundProblem, "not-found", 404), absent
print("as expected")
