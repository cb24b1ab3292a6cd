"""A machine-learning project from data checks to monitoring, driven by one data contract.

    import roadworthy as rw

    project = rw.Project.open()

`Project` is what a team's own files make: contract, SQL, model, settings, extensions. Its members have the names of the
commands; `rw.show(project.train)` shows the source of one. Names are imported when they are used, so that the service
loads nothing of training.
"""

from importlib import import_module
from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    from . import charts
    from .definition import Definition
    from .definition import SearchSpace
    from .errors import InputError
    from .errors import ProjectError
    from .errors import RedError
    from .project import Project
    from .schema import Column
    from .schema import Contract
    from .schema import Law
    from .schema import Reference
    from .schema import Rule
    from .schema import Table
    from .settings import Model as ModelSettings

# Where each public name stands: a module, and its name there when that is another one.
_PLACES = {
    "Column": "schema",
    "Contract": "schema",
    "Definition": "definition",
    "InputError": "errors",
    "Law": "schema",
    "ModelSettings": "settings:Model",
    "Project": "project",
    "ProjectError": "errors",
    "RedError": "errors",
    "Reference": "schema",
    "Rule": "schema",
    "SearchSpace": "definition",
    "Table": "schema",
    "charts": "charts:",
}

__all__ = [
    "Column",
    "Contract",
    "Definition",
    "InputError",
    "Law",
    "ModelSettings",
    "Project",
    "ProjectError",
    "RedError",
    "Reference",
    "Rule",
    "SearchSpace",
    "Table",
    "charts",
]


def __getattr__(name: str) -> Any:
    """A public name, imported now that it is asked for."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, inside = _PLACES[name].partition(":")
    found = import_module(f".{module}", __name__)
    value = found if _PLACES[name].endswith(":") else getattr(found, inside or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, for completion in a notebook."""
    return sorted(__all__)
