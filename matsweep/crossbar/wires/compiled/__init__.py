"""Loops over cells, lines and nodes of a wired array, compiled by numba on first use and kept.

Strict IEEE arithmetic; in `tiles`, a product and the sum it is added to may be rounded at once.
Import these modules where they are called: numba takes half a second.
"""
