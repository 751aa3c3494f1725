"""Several ways to a frontier side by side, at equal numbers of trajectories (`bao sweep`)."""
