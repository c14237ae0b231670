import { Hono } from 'hono'
import { authAgentMiddleware } from 'auth-agent-mcp-sdk'
import { API_KEY, SERVER_ID } from '../support/fake_as.mjs'

export { withAs } from '../support/fake_as.mjs'

export const METADATA_URL = 'https://files.example.com/.well-known/oauth-protected-resource/mcp'

export function options(as, more = {}) {
  return { serverId: SERVER_ID, apiKey: API_KEY, authServerUrl: as.issuer, requiredScopes: ['files:read'], ...more }
}

/** A protected app; `routes` adds to it what the test needs. */
export function appOf(as, more = {}, routes = (app) => app.all('*', (c) => c.json({ email: c.get('user')?.email ?? null }))) {
  const app = new Hono()
  app.use('*', authAgentMiddleware(options(as, more)))
  routes(app)
  return app
}

export const bearer = (token, more = {}) => ({ authorization: `Bearer ${token}`, ...more })

/** Status, every header, and the body. */
export async function whole(response) {
  return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() }
}
