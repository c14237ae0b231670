import type { Answer, Guard, Principal } from 'auth-agent-mcp-core'
import type { Context, MiddlewareHandler } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { ContentfulStatusCode, StatusCode } from 'hono/utils/http-status'
import { AuthAgentError } from './error.js'
import { makeGuard, type AuthAgentOptions } from './options.js'
import { judge } from './request.js'
import { toAuthInfo, toUser, type AuthInfo, type AuthUser } from './user.js'

/** What the middleware adds to a context: `c.get('user')`. On a public path nobody is known and it is undefined. */
export interface AuthAgentEnv {
  Variables: { user: AuthUser }
}

/** For an app that is not chained, `app.use(…)` then `app.get(…)`: its type does not grow, so `user` is known to every context. */
declare module 'hono' {
  interface ContextVariableMap {
    user: AuthUser
  }
}

/** The verdict beside `user`, which the application may replace by a record of its own. */
const STATE: unique symbol = Symbol('auth-agent')

interface State {
  readonly guard: Guard
  readonly principal: Principal | undefined
}

interface InnerEnv {
  Variables: { [STATE]: State }
}

/** The same context, with the variable that is ours alone. */
function inner(c: Context): Context<InnerEnv> {
  return c as unknown as Context<InnerEnv>
}

function state(c: Context): State {
  const found = inner(c).get(STATE) as State | undefined
  if (found === undefined) throw new AuthAgentError('MIDDLEWARE_MISSING', 'authAgentMiddleware() must come before this middleware')
  return found
}

/**
 * The core's answer, byte for byte. It is returned, not thrown as an HTTPException: an application's `onError` usually makes its own JSON of
 * whatever is thrown, and the challenge, without which no MCP client can log in, would be lost. Middleware outside of this one (CORS, request
 * ids) still adds its headers.
 */
function send(c: Context, answer: Answer): Response {
  const headers: Record<string, string[]> = {}
  for (const [name, value] of answer.headers) (headers[name] ??= []).push(value)
  if (answer.body === '') return c.body(null, answer.status as StatusCode, headers)
  return c.body(answer.body, answer.status as ContentfulStatusCode, headers)
}

/**
 * Lets a request pass only with a good access token (RFC 6750), serves this server's RFC 9728 metadata, and answers everything else the way MCP
 * clients need it. When the authorization server cannot be reached the answer is 503, never 401. Wrong options throw here.
 *
 * @example
 * app.use('*', authAgentMiddleware({ serverId: 'srv_…', apiKey: 'sk_…', requiredScopes: ['files:read'] }))
 * app.get('/files', (c) => c.json({ owner: c.get('user').email }))
 */
export function authAgentMiddleware(options: AuthAgentOptions = {}): MiddlewareHandler<AuthAgentEnv> {
  const guard = makeGuard(options)
  return createMiddleware<AuthAgentEnv>(async function authAgent(c, next) {
    const known = judge(guard, c)
    const verdict = known instanceof Promise ? await known : known
    if (verdict.kind === 'answer') return send(c, verdict)
    const principal = verdict.kind === 'principal' ? verdict : undefined
    if (principal) c.set('user', toUser(principal))
    inner(c).set(STATE, { guard, principal })
    await next()
  })
}

/** A scope is one or more characters of RFC 6749 §3.3; several stand apart by single spaces. */
const SCOPES = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/

/**
 * More scopes for one route. A user who lacks one gets 403 and a challenge that names all the route needs, so that clients step up.
 *
 * @example
 * app.put('/files/:name', requireScopes('files:write'), (c) => c.json({ saved: c.req.param('name') }))
 */
export function requireScopes(...scopes: readonly [string, ...string[]]): MiddlewareHandler<AuthAgentEnv> {
  const list = scopes.join(' ')
  if (!SCOPES.test(list)) throw new AuthAgentError('OPTION_INVALID', 'requireScopes() takes scopes (RFC 6749 section 3.3), at least one')
  return createMiddleware<AuthAgentEnv>(async function authAgentScopes(c, next) {
    const { guard, principal } = state(c)
    const verdict = guard.checkScopes(principal, list)
    if (verdict.kind === 'answer') return send(c, verdict)
    await next()
  })
}

/**
 * The verified token as the official MCP SDKs want it; undefined on a public path.
 *
 * @example
 * app.all('/mcp', (c) => handler.fetch(c.req.raw, { authInfo: authInfo(c) }))
 */
export function authInfo(c: Context): AuthInfo | undefined {
  const { principal } = state(c)
  const token = c.req.header('authorization')?.replace(/^bearer +/i, '')
  return principal && token !== undefined ? toAuthInfo(token, toUser(principal)) : undefined
}
