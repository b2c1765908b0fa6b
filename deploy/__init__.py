"""How Plumbline is run: the local sandbox lives here beside what operators deploy."""
