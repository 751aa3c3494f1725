"""Bundled recipes: `bao run NAME`."""
