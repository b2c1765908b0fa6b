"""What the EVM contracts leave in the repository for others to read: interfaces and gas."""
