"""The progress bar, and the reports of calls with a single phase."""
