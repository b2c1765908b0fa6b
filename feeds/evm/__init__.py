"""On-chain sources of EVM chains, read by JSON-RPC."""
