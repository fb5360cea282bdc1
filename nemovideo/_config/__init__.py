"""A client's configuration: arguments, environment variables and stored credentials."""
