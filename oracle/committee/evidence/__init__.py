"""Proofs of misbehaviour: what proves it, where proofs are kept, who sees it happen."""
