"""Compiled loops of products of windows, imported inside functions: numba takes half a second."""
