"""The progress bar, and progress reports of calls with a single phase."""
