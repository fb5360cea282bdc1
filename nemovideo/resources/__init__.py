"""The layers of a client, each in a sync and an async class over the same flows.

`BaseClient` in `nemovideo.client` lists them; a module is loaded when its layer is first used.
"""
