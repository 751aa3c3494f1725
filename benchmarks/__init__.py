"""Benchmarks: this package's training loop next to TRL's on the same work, and the speed of the function gym.

``make bench`` makes their environment and runs `benchmarks.main`.
"""
