"""Simulated exchanges that speak the venues' documented protocols, so that real clients connect.

Seeded and local; no matching engine, no accounts, no orders: quotes and the trouble knobs only.
"""

from deploy.sandbox.venues.server import SandboxVenues

__all__ = ["SandboxVenues"]
