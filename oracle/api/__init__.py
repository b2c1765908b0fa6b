"""The HTTP API: what consumers and responders read. Orders (pause, resume) do not come in here."""
