"""What axe-core finds on a page."""

import json

from tests.browser.wizard.page import WizardPage
from tests.clients.node import MODULES

AXE = MODULES / "axe-core" / "axe.min.js"


def violations(wizard: WizardPage) -> list[str]:
    """Return what axe-core finds on the present page once all that fades in is there, and where."""
    wizard.driver.execute_script(AXE.read_text(encoding="utf-8"))
    found = wizard.driver.execute_async_script(
        "const done = arguments[0], ends = (one) => one.effect.getComputedTiming().endTime < Infinity;"
        "Promise.allSettled(document.getAnimations().filter(ends).map(({ finished }) => finished))"
        ".then(() => axe.run(document, { resultTypes: ['violations'] }))"
        ".then(({ violations }) => done(violations), (error) => done([{ id: String(error), nodes: [] }]))"
    )
    return [f"{each['id']}: {json.dumps([node['html'][:160] for node in each['nodes'][:4]])}" for each in found]
