"""Run flows, sync and async: everything that touches sockets, files and clocks."""
