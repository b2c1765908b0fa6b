"""What a run on this machine shows: its record, live view, summary and HTML report.

Everything here reads bus messages and values that the caller gives; nothing computes a price.
"""
