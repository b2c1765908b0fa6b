"""A member among its peers: its loop, the rounds it leads, its answers, its catching up."""
