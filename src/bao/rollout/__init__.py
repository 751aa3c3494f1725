"""Rollouts: policies playing gyms. `episodes` plays one turn at a time, `engine` batches token-sampling policies."""
