"""The relayer without any chain: decisions, arithmetic, and its loops against fakes."""
