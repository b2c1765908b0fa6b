"""Tick files: read, merge, write, and import what others record. No connection and no clock."""
