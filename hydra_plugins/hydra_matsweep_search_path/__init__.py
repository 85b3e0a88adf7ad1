"""Hydra plugin that finds the configurations of installed packages."""
