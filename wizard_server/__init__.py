"""wizard-server: keeps the state of an investigation wizard and wakes whoever watches it."""

from importlib.metadata import version

__version__ = version("wizard-server")
