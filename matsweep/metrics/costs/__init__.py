"""Energy, latency and area by component, and baseline machines."""
