"""The arithmetic of docs/scaling.md."""
