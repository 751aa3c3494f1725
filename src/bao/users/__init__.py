"""Users: who answers the agent's questions. `scripted` answers by rule, offline and reproducibly; `simulator` asks a model."""
