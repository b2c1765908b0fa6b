"""Messages, fixed-point numbers, validity and the error family. Imports nothing of the project."""
