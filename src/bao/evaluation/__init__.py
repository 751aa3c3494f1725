"""Judging a policy: settings, playing, results, and the same policy under other users and judges."""
