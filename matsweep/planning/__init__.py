"""Configurations and axes to candidates."""
