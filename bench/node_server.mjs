// The app that bench/hono_overhead.mjs puts under load: `bare`, `passing` (with a middleware that does nothing) or `protected`. Prints its port.
import { serve } from '@hono/node-server'
import { authAgentMiddleware } from 'auth-agent-mcp-sdk'
import { Hono } from 'hono'
import { API_KEY, SERVER_ID } from '../tests/support/fake_as.mjs'

const app = new Hono()
if (process.argv[2] === 'passing') app.use('*', (_, next) => next())
if (process.argv[2] === 'protected') {
  const authServerUrl = process.env.AUTH_AGENT_OPTIONS_ISSUER
  app.use('*', authAgentMiddleware({ serverId: SERVER_ID, apiKey: API_KEY, authServerUrl, requiredScopes: ['files:read'] }))
}
app.get('/api/files', (c) => c.json({ files: ['hello.txt', 'notes.txt'] }))
serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => console.log(port))
