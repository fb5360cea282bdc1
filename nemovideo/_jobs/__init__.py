"""The main job, which can be resumed from another process: its flow, its checkpoint, its result."""
