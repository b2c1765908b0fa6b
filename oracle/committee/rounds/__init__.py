"""The rules of a round, without network or clock: who leads, the median, what is signed."""
