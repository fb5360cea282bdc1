"""Files on their way to the service: what may be sent, under which name, and its checks."""
