"""The main job, which can be resumed from another process."""
