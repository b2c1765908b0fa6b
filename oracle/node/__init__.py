"""The running oracle: the loops that connect engine, committee and controls to the bus."""
