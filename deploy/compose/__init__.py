"""What the one-off services and the sandbox of deploy/compose.yaml run: no role of the product."""
