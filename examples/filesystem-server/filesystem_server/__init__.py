"""Files over REST and MCP, protected by Auth-Agent MCP."""
