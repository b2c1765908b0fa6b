"""EVM chains: JSON-RPC, fees, nonces, sending. Knows nothing of when to push."""
