"""Tick files: read, merge, write, and import recorded trades. No connection and no clock."""
