"""Plots over time as SVG: axes, curves, bands of validity, a style for light and dark pages.

Drawn by hand rather than by a plotting library, so that the text stays text, a screen reader gets
a description, and one style sheet serves light and dark. What is drawn is the callers' matter.
"""
