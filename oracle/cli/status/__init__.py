"""`plumb status`: what every chain holds and what it costs, read from the chains themselves."""
