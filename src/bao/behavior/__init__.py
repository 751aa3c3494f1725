"""Behaviour enhancement: demonstrations that show the four behaviours, and how often trajectories show them."""
