"""Find and remove GUI instructions in the agent's answers."""
