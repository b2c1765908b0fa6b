"""Signed reports out: decide what each chain needs, and send it. Knows nothing of feeds."""
