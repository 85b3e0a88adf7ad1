"""Loops over cells, lines and nodes of a wired array, compiled by numba on first use and kept.

Strict IEEE arithmetic, but for the code for vector registers: `registers` says how that rounds.
Import these modules where they are called: numba takes half a second.
"""
