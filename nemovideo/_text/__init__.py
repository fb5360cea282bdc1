"""Values as text: times, names and remedies, written the same way wherever they are shown."""
