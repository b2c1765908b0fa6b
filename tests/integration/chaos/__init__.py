"""A relayer on real nodes that misbehave: each scenario ends with the chain holding the right
mark, the fault named in metrics and log, and nothing dead."""
