"""Sweeps: configurations to candidates, candidates to executors, outcomes to a store."""
