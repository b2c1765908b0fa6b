"""The recorded days of docs/replays.md: how they are replayed, and what is written of them."""
