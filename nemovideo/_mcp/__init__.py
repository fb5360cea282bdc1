"""The MCP server: what an AI agent can do with videos, as tools (extra `[mcp]`).

`folders` decides which files may be named, `work` runs what takes long and reports its
progress, `answers` puts results and errors into words, `tools` holds the tools, and `server`
serves them over stdin and stdout. Only `answers`, `tools`, `work` and `server` need the `mcp` SDK.
"""
