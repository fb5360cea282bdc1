"""What a client is configured with: arguments, environment variables and stored credentials."""
