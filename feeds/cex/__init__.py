"""Centralised exchanges, all through ccxt; `venues.py` is where one is added."""
