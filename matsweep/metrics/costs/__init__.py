"""Energy, latency and area by component, and the machines to compare with."""
