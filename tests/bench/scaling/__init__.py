"""What a deployment needs at a size: figures measured on one machine, and the sums over them."""
