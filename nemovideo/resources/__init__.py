"""The layers of a client, each the sync and the async face of the same flows.

`nemovideo.client.LAYERS` lists them; each module is loaded when its layer is first used.
"""
