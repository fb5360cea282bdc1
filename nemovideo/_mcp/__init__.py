"""The MCP server: tools for AI agents (extra `[mcp]`).

`folders` checks which files may be used, `jobs` runs long jobs and reports their progress,
`answers` formats results and errors, `tools` has the tools, and `server` serves them on stdin and
stdout. All but `folders` need the `mcp` SDK.
"""
