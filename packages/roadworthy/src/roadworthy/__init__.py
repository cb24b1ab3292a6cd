"""A machine-learning project from data checks to monitoring, driven by one data contract.

    import roadworthy as rw

    project = rw.Project.open()

`Project` is what a team's own files make: contract, SQL, model, settings, extensions. Its members have the names of the
commands; `rw.show(project.train)` shows the source of one. Names are imported when they are used, so that the service
loads nothing of training.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

# ONNX Runtime 1.29 and newer sends what it runs to its makers unless this is set before it is loaded.
# A project works without a network, and nobody was asked: whoever wants it sets the variable to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from .base.databases import ask
    from .base.errors import InputError, ProjectError, RedError
    from .base.settings import Model as ModelSettings
    from .base.source_code import show
    from .bundle.bundle import predict_frame as predict
    from .contract.schema import Column, Contract, Law, Reference, Rule, Table
    from .contract.workspace import Definition, SearchSpace
    from .model.evaluation import compare, evaluate, slices
    from .monitoring.monitors import Reading
    from .notebooks.lessons import record
    from .project import Project
    from .registry.registry import Registry
    from .reports import charts
    from .reports.pages import Frame

    course: Any

# Where each public name stands: a module, and its name there when that is another one.
_PLACES = {
    "Column": "contract.schema",
    "Contract": "contract.schema",
    "Definition": "contract.workspace",
    "Frame": "reports.pages",
    "InputError": "base.errors",
    "Law": "contract.schema",
    "ModelSettings": "base.settings:Model",
    "Project": "project",
    "ProjectError": "base.errors",
    "Reading": "monitoring.monitors",
    "RedError": "base.errors",
    "Reference": "contract.schema",
    "Registry": "registry.registry",
    "Rule": "contract.schema",
    "SearchSpace": "contract.workspace",
    "Table": "contract.schema",
    "ask": "base.databases",
    "charts": "reports.charts:",
    "compare": "model.evaluation",
    "evaluate": "model.evaluation",
    "predict": "bundle.bundle:predict_frame",
    "record": "notebooks.lessons",
    "show": "base.source_code",
    "slices": "model.evaluation",
}

__all__ = [
    "Column",
    "Contract",
    "Definition",
    "Frame",
    "InputError",
    "Law",
    "ModelSettings",
    "Project",
    "ProjectError",
    "Reading",
    "RedError",
    "Reference",
    "Registry",
    "Rule",
    "SearchSpace",
    "Table",
    "ask",
    "charts",
    "compare",
    "course",
    "evaluate",
    "predict",
    "record",
    "show",
    "slices",
]


def __getattr__(name: str) -> Any:
    """A public name, imported now that it is asked for."""
    if name == "course":
        return _course()
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, inside = _PLACES[name].partition(":")
    imported = import_module(f".{module}", __name__)
    value = imported if _PLACES[name].endswith(":") else getattr(imported, inside or name)
    # Kept: Python asks this function only for a name that the module does not have.
    globals()[name] = value
    return value


def _course() -> Any:
    """The course, if it is installed beside the library: it says so by an entry point; nothing imports it by name."""
    from importlib.metadata import entry_points

    from .base.errors import InputError

    for entry in entry_points(group="roadworthy.extensions", name="course"):
        return entry.load()
    raise InputError("there is no course in this environment", hint="it comes with a project that was made with one")


def __dir__() -> list[str]:
    """The public names, for completion in a notebook."""
    return sorted(__all__)
