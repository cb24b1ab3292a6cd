"""The gates: the 28 tests of "The ML Test Score" (Breck, Cai, Nielsen, Salib, Sculley, 2017), one function each.

A gate judges evidence that it is handed and reads no files; `evidence/` gathers it, `catalog` joins the two, `run` runs
them. This module is light, because the service reads verdicts too.
"""

from .verdict import Verdict, dump, load, require, table

__all__ = ["Verdict", "dump", "load", "require", "table"]
