"""Blocks of the live view: each a list of lines of exactly the width it was asked for.

Colour only repeats what a sign and a word already say.
"""
