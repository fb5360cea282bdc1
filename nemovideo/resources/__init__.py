"""The layers of a client, each the sync and the async face of the same flows.

`BaseClient` in `nemovideo.client` lists them; each module is loaded when its layer is first used.
"""
