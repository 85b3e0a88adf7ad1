"""How the core is compiled: strict IEEE arithmetic, kept on disk."""

from numba import njit

# numba keeps what it compiled by the file of the outermost function alone: after a change in one
# file of this folder remove the folder's __pycache__, or the old code runs on.
compiled = njit(cache=True, error_model="numpy")
