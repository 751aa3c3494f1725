"""Chat models behind OpenAI-compatible endpoints, for whoever asks them: users, judges, agents."""
