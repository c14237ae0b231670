import type { Answer } from 'auth-agent-mcp-core'
import { AuthAgentError } from './error.js'
import { makeGuard, type AuthAgentOptions } from './options.js'
import { toAuthInfo, toUser, type AuthInfo } from './user.js'

/** `OAuthTokenVerifier` of the official MCP SDKs: what their `requireBearerAuth()` takes as `verifier`. */
export interface TokenVerifier {
  verifyAccessToken(token: string): Promise<AuthInfo>
}

/** Makes the error that the SDK in use turns into a 401 or 403; everything else it answers with 500. */
export type OAuthErrorFactory = (code: 'invalid_token' | 'insufficient_scope', message: string) => Error

const OAUTH_CODES: { readonly [status: number]: 'invalid_token' | 'insufficient_scope' } = {
  400: 'invalid_token',
  401: 'invalid_token',
  403: 'insufficient_scope',
}

/** Our wording of a refusal stands in the core's JSON body (RFC 6750 §3). */
function describe(answer: Answer): string {
  const body: unknown = JSON.parse(answer.body)
  const text = typeof body === 'object' && body !== null && 'error_description' in body ? body.error_description : undefined
  return typeof text === 'string' ? text : 'The access token is not accepted'
}

/**
 * A verifier for servers on the official TypeScript SDKs, with the same cache, single flight and audience check as the middleware. Trouble with
 * the authorization server is an {@link AuthAgentError}, never "invalid token". Tool policies need {@link authAgentMiddleware}.
 *
 * @example
 * // @modelcontextprotocol/server 2.x
 * const verifier = tokenVerifier({ serverId: 'srv_…', apiKey: 'sk_…' }, (code, message) => new OAuthError(code as OAuthErrorCode, message))
 * const gate = requireBearerAuth({ verifier, requiredScopes: ['files:read'] })
 * // @modelcontextprotocol/sdk 1.x: (code, message) => new OAUTH_ERRORS[code](message)
 */
export function tokenVerifier(options: AuthAgentOptions, oauthError: OAuthErrorFactory): TokenVerifier {
  const guard = makeGuard(options)
  return {
    async verifyAccessToken(token) {
      const request = { method: 'GET', path: '', authorization: `Bearer ${token}` }
      const verdict = guard.checkRequest(request) ?? (await guard.authorize(request))
      if (verdict.kind === 'principal') return toAuthInfo(token, toUser(verdict))
      if (verdict.kind === 'pass') throw new AuthAgentError('OPTION_INVALID', 'a token verifier has no public paths')
      const code = OAUTH_CODES[verdict.status]
      if (code === undefined) throw new AuthAgentError(verdict.code, 'The authorization server cannot be asked')
      throw oauthError(code, describe(verdict))
    },
  }
}
