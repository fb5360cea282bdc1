"""Words in English and Chinese: what users type, what the agent says, and what the SDK answers."""
