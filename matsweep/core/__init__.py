"""Checks, units, random numbers, registries and compilation for all packages."""
