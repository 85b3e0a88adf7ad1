"""Layers whose products lie on tiles, one module for each kind."""
