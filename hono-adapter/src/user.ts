import type { Principal } from 'auth-agent-mcp-core'

/**
 * Who is asking. Frozen, and shared by all requests of the same token.
 *
 * @example
 * app.get('/me', (c) => c.json({ id: c.get('user').id, email: c.get('user').email }))
 */
export interface AuthUser {
  /** `sub`, the authorization server's name of this person; undefined when it gives none. */
  readonly id: string | undefined
  readonly email: string | undefined
  readonly name: string | undefined
  readonly scopes: readonly string[]
  /** The OAuth client that acts for this person. */
  readonly clientId: string | undefined
  /** This server's own identifier, which the token was issued for. */
  readonly resource: string | undefined
  /** Seconds since 1970; undefined when unknown. */
  readonly expiresAt: number | undefined
  /** Everything the authorization server said (RFC 7662 §2.2), or the claims of the token. */
  readonly claims: { readonly [name: string]: unknown }
}

/**
 * What the official MCP SDKs call a verified token (`AuthInfo`), of both generations.
 */
export interface AuthInfo {
  token: string
  clientId: string
  scopes: string[]
  /** Seconds since 1970. */
  expiresAt?: number
  resource?: URL
  extra?: Record<string, unknown>
}

/** The user behind a principal: the same frozen object, seen with fewer members. */
export function toUser(principal: Principal): AuthUser {
  return principal
}

export function toAuthInfo(token: string, user: AuthUser): AuthInfo {
  const info: AuthInfo = {
    token,
    clientId: user.clientId ?? '',
    scopes: [...user.scopes],
    extra: { sub: user.id, email: user.email, name: user.name, claims: user.claims },
  }
  if (user.expiresAt !== undefined) info.expiresAt = user.expiresAt
  if (user.resource !== undefined) info.resource = new URL(user.resource)
  return info
}
