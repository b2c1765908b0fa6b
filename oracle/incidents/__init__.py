"""What has broken oracles before, as seeded replays through the real engine, and what must hold.

A scenario is one file in `scenarios/`: what happened, ticks by venue, a careful operator's
configuration, and checks over the recorded run. Nothing here draws, prints or connects.
"""
