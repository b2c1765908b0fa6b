"""The recorded data sets that `docs/accuracy.md` is made from; one file each, none of them here.

A data set says what a person would configure for it, and what it cannot show.
"""
