import { localhostHostValidation, localhostOriginValidation } from '@modelcontextprotocol/hono'
import type { McpHttpHandler } from '@modelcontextprotocol/server'
import { authAgentMiddleware, authInfo, requireScopes, type AuthAgentEnv, type AuthAgentOptions } from 'auth-agent-mcp-sdk'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { cors } from 'hono/cors'
import { FileError, SIZE_MAX, type FileStore } from './files.js'

export function makeApp(files: FileStore, mcp: McpHttpHandler, options: AuthAgentOptions = {}): Hono<AuthAgentEnv> {
  const app = new Hono<AuthAgentEnv>()

  // A server on localhost answers to no other name, and to no page but local ones: DNS rebinding ends here.
  app.use('*', localhostHostValidation(), localhostOriginValidation())
  app.use('*', cors({ origin: (origin) => origin, exposeHeaders: ['WWW-Authenticate', 'MCP-Protocol-Version'] }))

  // Server id, key and authorization server come from AUTH_AGENT_SERVER_ID, AUTH_AGENT_API_KEY and AUTH_AGENT_AUTH_SERVER.
  app.use('*', authAgentMiddleware({ requiredScopes: ['files:read'], tools: { write_file: ['files:write'] }, ...options }))

  app.get('/api/files', async (c) => c.json({ files: await files.list(''), user: c.get('user').email }))
  app.get('/api/files/:path{.+}', async (c) => c.text(await files.read(c.req.param('path'))))
  app.put('/api/files/:path{.+}', requireScopes('files:write'), bodyLimit({ maxSize: SIZE_MAX }), async (c) => {
    const path = c.req.param('path')
    return c.json({ path, bytes: await files.write(path, await c.req.text()) })
  })
  app.all('/mcp', (c) => {
    const known = authInfo(c)
    return mcp.fetch(c.req.raw, known ? { authInfo: known } : {})
  })

  app.onError((error, c) => {
    if (error instanceof FileError) return c.json({ error: error.message }, error.status)
    console.error(error)
    return c.json({ error: 'internal error' }, 500)
  })
  return app
}
