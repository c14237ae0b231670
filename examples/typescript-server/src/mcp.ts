// The MCP side: the same files as three tools, for clients of the initialize era and of 2026-07-28.
import { createMcpHandler, McpServer, type CallToolResult, type McpHttpHandler } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { FileError, type FileStore } from './files.js'

/** A mistake of the caller is a tool's result, so that the model can read it; everything else is an error of ours. */
async function result(work: Promise<string>): Promise<CallToolResult> {
  try {
    return { content: [{ type: 'text', text: await work }] }
  } catch (error) {
    if (!(error instanceof FileError)) throw error
    return { content: [{ type: 'text', text: error.message }], isError: true }
  }
}

function makeServer(files: FileStore): McpServer {
  const server = new McpServer({ name: 'typescript-server', version: '0.1.0' })
  server.registerTool(
    'list_files',
    {
      description: 'List the names in a folder; folders end with a slash.',
      inputSchema: z.object({ path: z.string().default('').describe('folder below the root; the root itself by default') }),
      annotations: { readOnlyHint: true },
    },
    ({ path }) => result(files.list(path).then((names) => names.join('\n'))),
  )
  server.registerTool(
    'read_file',
    {
      description: 'Read a text file.',
      inputSchema: z.object({ path: z.string().describe('path below the root') }),
      annotations: { readOnlyHint: true },
    },
    ({ path }) => result(files.read(path)),
  )
  server.registerTool(
    'write_file',
    {
      description: 'Write a text file, replacing what it held. Needs the scope files:write.',
      inputSchema: z.object({ path: z.string().describe('path below the root'), content: z.string() }),
      annotations: { destructiveHint: true, idempotentHint: true },
    },
    ({ path, content }) => result(files.write(path, content).then((bytes) => `wrote ${bytes} bytes to ${path}`)),
  )
  return server
}

export function makeMcpHandler(files: FileStore): McpHttpHandler {
  return createMcpHandler(() => makeServer(files), { onerror: (error) => console.error(error.message) })
}
