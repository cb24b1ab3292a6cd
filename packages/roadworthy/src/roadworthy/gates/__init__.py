"""The gates: the 28 tests of "The ML Test Score" (Breck, Cai, Nielsen, Salib, Sculley, 2017), one function each.

`data`, `model`, `infrastructure` and `monitoring` hold the seven gates of a section: what judges, and below it what
gathers the evidence. The other modules measure: each is named after its evidence. `run` runs them, `bench` is what they
look at.
"""
