"""The relayer on real nodes: two chains, real contracts, real failures."""
