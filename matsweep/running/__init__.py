"""Candidates through an executor to a store."""
