"""Plumbline's oracle: from ticks to signed mark-price reports. Feeds and relayers are beside it."""
