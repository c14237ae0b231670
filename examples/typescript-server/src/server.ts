import { serve } from '@hono/node-server'
import type { Server } from 'node:http'
import { makeApp } from './app.js'
import { FileStore } from './files.js'
import { makeMcpHandler } from './mcp.js'

const GRACE_MS = 5000

const files = await FileStore.open(process.env.FILES_ROOT ?? './files')
const mcp = makeMcpHandler(files)
const app = makeApp(files, mcp)
const port = Number(process.env.PORT ?? 8002)

const server = serve({ fetch: app.fetch, hostname: process.env.HOST ?? '127.0.0.1', port }, (address) => {
  console.log(`files at http://localhost:${address.port}/api/files, MCP at http://localhost:${address.port}/mcp`)
}) as Server

// Requests under way are finished; open streams are closed, and whatever is left after five seconds too.
function stop(): void {
  server.close()
  server.closeIdleConnections()
  void mcp.close()
  setTimeout(() => server.closeAllConnections(), GRACE_MS).unref()
}

process.once('SIGTERM', stop)
process.once('SIGINT', stop)
