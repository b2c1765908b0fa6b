"""Signed HTTP between members: whom to believe, how long to wait, whose clock is off."""
