"""Arrays with wire resistance, solved exactly."""
