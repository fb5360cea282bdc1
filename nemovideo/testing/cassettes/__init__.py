"""Sessions kept as files: recorded from any backend, played back without one.

`tape` is the file, `redaction` what stays out of it, `recording` and `replaying`
the two ways to use it; the transports under the clients are in `_drivers/cassette.py`.
"""

from nemovideo.testing.cassettes.recording import Recording, record
from nemovideo.testing.cassettes.replaying import Replay, replay

__all__ = ["Recording", "Replay", "record", "replay"]
