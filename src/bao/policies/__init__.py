"""Policies that take whole turns: scripted ones, models behind endpoints, agents of one's own."""
