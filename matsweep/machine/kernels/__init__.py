"""Compiled loops of products of windows. Import them inside functions: numba takes half a second."""
