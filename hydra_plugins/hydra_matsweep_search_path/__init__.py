"""Hydra finds the configurations of installed packages."""
