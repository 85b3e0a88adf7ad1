"""Checks, units, random numbers, registries and compilation that every package uses."""
