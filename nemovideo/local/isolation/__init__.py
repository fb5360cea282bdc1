"""Child processes for the work on users' files, so that no file can stop the server.

The backend uses `IsolatedWork` in place of `Work`; `processes` starts, limits and ends the
children, and `child` is what runs inside them.
"""

from nemovideo.local.isolation.processes import ProcessLostError as ProcessLostError
from nemovideo.local.isolation.processes import ProcessPool as ProcessPool
from nemovideo.local.isolation.work import IsolatedWork as IsolatedWork
