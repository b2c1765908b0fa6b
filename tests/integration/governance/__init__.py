"""Governance as a person reads it, on a real node."""
