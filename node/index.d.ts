/** Version of the core, `"0.1.0"`. */
export declare const version: string

/** Who a token speaks for. Frozen, and the same object for every request of that token until it is introspected again. */
export interface Principal {
  readonly kind: 'principal'
  /** `sub`; undefined when the authorization server names none. */
  readonly id: string | undefined
  readonly email: string | undefined
  readonly name: string | undefined
  readonly clientId: string | undefined
  readonly issuer: string | undefined
  /** This server's own identifier (RFC 8707). */
  readonly resource: string | undefined
  readonly scopes: readonly string[]
  /** Seconds since 1970; undefined when unknown. */
  readonly expiresAt: number | undefined
  /** The whole answer of the authorization server (RFC 7662 §2.2) or the token's claims, frozen throughout. */
  readonly claims: { readonly [name: string]: unknown }
}

/** A whole HTTP answer to be sent as it is: a refusal, or the RFC 9728 document. */
export interface Answer {
  readonly kind: 'answer'
  /** Why it was refused: `"TOKEN_ABSENT"`, `"SCOPE_INSUFFICIENT"`, `"REMOTE_TIMEOUT"`…; `"OK"` for a document. */
  readonly code: string
  readonly status: number
  /** Names in lower case, in order. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Empty for HEAD and 204. */
  readonly body: string
}

/** Not guarded (a public path, a CORS preflight): let it through, nobody is known. */
export interface Pass {
  readonly kind: 'pass'
}

export type Verdict = Principal | Answer | Pass

/** The one `Pass` there is. */
export declare const PASS: Pass

/** What is known of a request. Absent members are undefined, and undefined means the request has no such header. */
export interface GuardRequest {
  readonly method: string
  /** The framework's own path, decoded as its router sees it, without query. */
  readonly path: string
  /** All Authorization headers joined by ", ". */
  readonly authorization?: string | undefined
  /** Access-Control-Request-Method. */
  readonly preflightMethod?: string | undefined
  readonly origin?: string | undefined
  readonly contentType?: string | undefined
  /** MCP-Protocol-Version. */
  readonly mcpProtocolVersion?: string | undefined
  /** Mcp-Method. */
  readonly mcpMethod?: string | undefined
  /** Mcp-Name. */
  readonly mcpName?: string | undefined
  /** The whole body, when `wantsBody()` asked for it. */
  readonly body?: string | Uint8Array | undefined
}

/** Counters since the guard was made. */
export interface Stats {
  readonly hits: number
  readonly misses: number
  readonly introspections: number
  readonly joined: number
  readonly refused: number
  readonly remoteErrors: number
  readonly breakerOpened: number
  readonly dropped: number
  readonly entries: number
  readonly negativeEntries: number
}

/** What every error of this package carries: `OPTION_INVALID`, `OPTION_UNKNOWN`, `OPTION_MISSING`, `INVALID_ARGUMENT`, `CLOSED`… */
export interface GuardError extends Error {
  readonly code: string
}

/**
 * Decides what a protected server does with a request (RFC 6750, 7662, 8707, 9728).
 *
 * @example
 * const guard = new Guard(JSON.stringify({ server_id: 'srv_…', api_key: 'sk_…', required_scopes: ['files:read'] }))
 * const verdict = guard.check('GET', '/files', request.headers.authorization)
 *   ?? await guard.authorize({ method: 'GET', path: '/files', authorization: request.headers.authorization })
 */
export declare class Guard {
  /**
   * @param options one JSON object; the members stand in core/include/authagent/guard.h. An absent member falls back to the
   * environment variable AUTH_AGENT_<NAME>, then to the default.
   * @throws {GuardError} `OPTION_UNKNOWN`, `OPTION_INVALID` or `OPTION_MISSING`; the message names the option.
   */
  constructor(options: string)

  /**
   * Answers at once, from the cache: the hot path. Undefined means "not known yet": ask `authorize()`. A request whose body is
   * wanted is refused here; give it to `checkRequest()`.
   */
  check(method: string, path: string, authorization?: string, origin?: string, preflightMethod?: string): Verdict | undefined

  /** The same, of a whole request. */
  checkRequest(request: GuardRequest): Verdict | undefined

  /**
   * Asks the authorization server; requests for one token share one call. Trouble there is a 503 `Answer`, not a rejection.
   * `signal` takes back this waiter alone: the promise rejects with its reason.
   * @throws {GuardError} `CLOSED`, `INVALID_ARGUMENT` or `NOMEM`
   */
  authorize(request: GuardRequest, signal?: AbortSignal): Promise<Verdict>

  /** Has this principal these scopes too (a space-separated list)? The principal again, or a 403 naming all that is needed; 401 for nobody. */
  checkScopes(principal: Principal | undefined, scopes: string): Principal | Answer

  /** True when the tool policy must see the body of a request with this method: read at most `maxBody` bytes of it, hand them over, replay them. */
  wantsBody(method: string): boolean

  /** Bytes. */
  readonly maxBody: number

  /** The 413 for a body over `maxBody`. */
  refuseBody(): Answer

  stats(): Stats

  /** Lets go of the guard; what is under way still gets its answer, later calls throw `CLOSED`. A guard that is not closed keeps no process alive. */
  close(): void
}
