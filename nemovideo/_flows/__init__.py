"""The decisions: operations as generators that yield what they need, without any I/O."""
