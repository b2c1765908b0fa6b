"""The local sandbox: exchanges and chains on this machine, seeded, with knobs for trouble."""
