"""Local EVM chains and what is deployed on them: real nodes, real contracts, random accounts."""
