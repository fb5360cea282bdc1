"""Small tools that any room may use: time, disk, locks, formats."""
