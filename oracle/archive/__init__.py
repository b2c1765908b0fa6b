"""What is kept of marks: files that people and notebooks read. Opens no connection."""
