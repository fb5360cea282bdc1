"""What the local backend knows of a media file."""
