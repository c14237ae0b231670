// Compiled, never run: what using the middleware does to the types of an app.
import { authAgentMiddleware, authInfo, requireScopes, tokenVerifier, type AuthInfo, type AuthUser } from 'auth-agent-mcp-sdk'
import { Hono } from 'hono'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Equal<A, B>): void => {}

const app = new Hono().use('*', authAgentMiddleware({ serverId: 'srv_…', apiKey: 'sk_…', requiredScopes: ['files:read'] }))

app.get('/', (c) => {
  const byGet = c.get('user')
  const byVar = c.var.user
  same<typeof byGet, AuthUser>(true)
  same<typeof byVar, AuthUser>(true)
  // @ts-expect-error what is known of a user is read-only
  byGet.email = 'eve@example.com'
  // @ts-expect-error there is no such member
  void byGet.password
  return c.text(byGet.email ?? 'unknown')
})
app.put('/files', requireScopes('files:read', 'files:write'), (c) => {
  const info: AuthInfo | undefined = authInfo(c)
  return c.json({ owner: c.get('user').id, client: info?.clientId })
})

// The three lines of the README: nothing is chained, so the app's own type knows nothing of the middleware.
const plain = new Hono()
plain.use('*', authAgentMiddleware({ serverId: 'srv_…', apiKey: 'sk_…', requiredScopes: ['files:read'] }))
plain.get('/me', (c) => {
  same<typeof c.var.user, AuthUser>(true)
  const info: AuthInfo | undefined = authInfo(c)
  // @ts-expect-error there is no such variable
  c.get('session')
  return c.json({ email: c.get('user').email, client: info?.clientId })
})
plain.put('/files/:name', requireScopes('files:write'), (c) => c.text(c.get('user').name ?? 'unknown'))

export const verifier: { verifyAccessToken(token: string): Promise<AuthInfo> } = tokenVerifier({}, (_code, message) => new Error(message))

// @ts-expect-error a list is needed
authAgentMiddleware({ requiredScopes: 'files:read' })
// @ts-expect-error no such option
authAgentMiddleware({ server_id: 'srv_…' })
// @ts-expect-error at least one scope
requireScopes()
// @ts-expect-error the factory makes the SDK's errors
tokenVerifier({})
