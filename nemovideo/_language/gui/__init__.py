"""Finding and removing GUI instructions in the agent's answers."""
