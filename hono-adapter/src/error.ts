/**
 * An error of this package. `code` says what is wrong: `OPTION_UNKNOWN`, `OPTION_INVALID`, `OPTION_MISSING` when a middleware is made,
 * `MIDDLEWARE_MISSING` when `requireScopes()` stands alone, `REMOTE_…` from a `TokenVerifier` that cannot ask.
 *
 * @example
 * try { authAgentMiddleware({ serverId: '' }) } catch (error) { if (error instanceof AuthAgentError) console.error(error.code) }
 */
export class AuthAgentError extends Error {
  override readonly name = 'AuthAgentError'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}
