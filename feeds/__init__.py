"""Ticks in: one adapter per kind of source. Publishes ticks; knows nothing of markets or marks."""
