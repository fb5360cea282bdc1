"""Sessions recorded from any backend, and replayed without one.

`tape` is the file, `redaction` removes the secrets, `recording` and `replaying` make the clients;
their transports are in `_drivers/cassette.py`.
"""

from nemovideo.testing.cassettes.recording import Recording, record
from nemovideo.testing.cassettes.replaying import Replay, replay

__all__ = ["Recording", "Replay", "record", "replay"]
