"""Several keys over one shared engine: a multi-signature, and every report says so."""
