"""The test kit (contract 14): a whole server for each test, and faults on the line to it.

The fixture `wizard` comes with the package; import from here for annotations only.
"""

from wizard_server.testing.faults import Fault, Faults
from wizard_server.testing.wizard import Wizard

__all__ = ["Fault", "Faults", "Wizard"]
