"""Proves a mark afterwards, from what was archived. It reads no chain and no network itself."""
