"""What touches sockets, files and clocks: two ways, sync and async, to carry out flows."""
