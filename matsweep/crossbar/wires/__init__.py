"""Arrays with the resistance of their wires, solved exactly."""
