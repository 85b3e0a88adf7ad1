"""Device models from data or from physics."""
