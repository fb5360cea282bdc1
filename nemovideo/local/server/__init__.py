"""The HTTP server of the local backend: routes, uploads, runs, renders, faults."""
