"""A real Kafka broker on this machine, for tests and the local sandbox. Not for production."""
