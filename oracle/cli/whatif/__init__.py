"""`plumb whatif`: recorded prices through the real contracts, under old and proposed parameters."""
