"""The keeper: follows the perp contracts' accounts, and does what anyone may do for a reward."""
