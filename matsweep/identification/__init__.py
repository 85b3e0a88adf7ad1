"""A device model from data or from physics."""
