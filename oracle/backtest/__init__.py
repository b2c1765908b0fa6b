"""The engine against reality: recorded ticks, published prices, plain aggregators, corruption.

Nothing here runs in production, and nothing here connects to anything.
"""
