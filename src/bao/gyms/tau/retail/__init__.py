"""Retail: a shop's tables and tools, the package's own shop with its tasks, and the scripted customer of it."""
