"""The search gym: answer questions of one to three hops with a search tool, a judge, and a user who knows what was meant."""

from bao.gyms.search.gym import Search

__all__ = ["Search"]
