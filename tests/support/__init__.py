"""What the tests share: clips made on the spot, servers, clients, and readers of results."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
