"""Users: who answers the agent's questions. `scripted` answers by rule, offline and reproducibly."""
