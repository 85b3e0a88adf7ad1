"""Compiled loops over cells, lines and nodes of a wired array, kept on disk.

Strict IEEE arithmetic, but for the code for vector registers: `registers` says how that rounds.
Import these modules inside the functions that need them: numba takes half a second.
"""
