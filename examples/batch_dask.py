"""Remove the background from a folder of clips on a Dask cluster; run it again to resume.

    python examples/batch_dask.py CLIPS OUT [--scheduler tcp://host:8786] [--background "#00b140"]

Without a scheduler it starts two workers on this machine. Every worker renders
with its own local backend, which needs no account and no network. On a cluster, both folders must
have the same paths on all workers.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack

from distributed import Client as Dask
from distributed import LocalCluster

from nemovideo import Client, NemoError


def main() -> None:
    parser = argparse.ArgumentParser(description="Remove backgrounds on a Dask cluster.")
    parser.add_argument("clips", help="a folder of videos")
    parser.add_argument("out", help="where the results go")
    parser.add_argument("--scheduler", help="default: two workers on this machine")
    parser.add_argument("--background", default="#00b140")
    options = parser.parse_args()
    with ExitStack() as stack:
        address = options.scheduler or stack.enter_context(
            LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
        )
        dask = stack.enter_context(Dask(address))
        client = stack.enter_context(Client.local())
        try:
            report = client.batch.remove_backgrounds(
                options.clips,
                options.out,
                background=options.background,
                executor=dask.get_executor(),
                concurrency=sum(dask.nthreads().values()),
                progress=True,
            )
        except NemoError as error:
            sys.exit(f"{error}")
        except KeyboardInterrupt as stop:
            sys.exit(f"{stop}")  # how many files are done
    print(report)
    sys.exit(0 if report.ok else 1)


if __name__ == "__main__":
    main()
