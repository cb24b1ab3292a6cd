"""Notebooks: run by papermill in kernels of their own, with parameters, key figures and stored outputs."""
