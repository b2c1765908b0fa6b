"""Plumbline's oracle: from ticks to signed mark-price reports. Feeds and relayers live beside it."""
