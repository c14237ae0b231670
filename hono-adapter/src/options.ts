import { Guard } from 'auth-agent-mcp-core'
import { AuthAgentError } from './error.js'

/**
 * Options of {@link authAgentMiddleware}. One that is left out is taken from the environment variable `AUTH_AGENT_<NAME>`
 * (`AUTH_AGENT_SERVER_ID`, `AUTH_AGENT_API_KEY`, `AUTH_AGENT_AUTH_SERVER`…), then from the default.
 */
export interface AuthAgentOptions {
  /** Id of this server at the authorization server, `srv_…`. */
  readonly serverId?: string | undefined
  /** Its key, `sk_…`. Never logged. */
  readonly apiKey?: string | undefined
  /** Scopes that every request needs. Default: none. */
  readonly requiredScopes?: readonly string[] | undefined
  /** Issuer URL of the authorization server. Default: `http://localhost:8788`. Environment: `AUTH_AGENT_AUTH_SERVER`. */
  readonly authServerUrl?: string | undefined
  /** Exact paths that need no token, as Hono's router sees them. Default: none. */
  readonly publicPaths?: readonly string[] | undefined
  /** Seconds an introspection answer is believed, 0–3600. Default: 60; 0 asks every time. */
  readonly cacheTtl?: number | undefined
  /** Tokens remembered at most. Default: 10000. */
  readonly cacheSize?: number | undefined
  /** This server's identifier (RFC 8707), its URL as people type it. Default: what the authorization server has registered. */
  readonly resource?: string | undefined
  /** Scopes that a call of an MCP tool needs besides `requiredScopes`: `{ write_file: ['files:write'] }`. */
  readonly tools?: { readonly [tool: string]: readonly string[] } | undefined
  /** `"introspection"` (RFC 7662, the default), or `"jwt"`: local signature checks alone. */
  readonly mode?: 'introspection' | 'jwt' | undefined
  /** Default: from the authorization server's metadata (RFC 8414). */
  readonly introspectionEndpoint?: string | undefined
  /** Default: from the metadata. */
  readonly jwksUri?: string | undefined
  /** Seconds until a connection stands. Default: 2. */
  readonly connectTimeout?: number | undefined
  /** Seconds for a whole call. Default: 5. */
  readonly timeout?: number | undefined
  /** Bytes of a request body that the tool policy reads. Default: 4194304. A larger one is answered 413. */
  readonly maxBody?: number | undefined
  /** Human-readable name in the RFC 9728 document. */
  readonly resourceName?: string | undefined
  /** Scopes in the RFC 9728 document. Default: `requiredScopes`. */
  readonly scopesSupported?: readonly string[] | undefined
  /** PEM file of trusted certificate authorities. Default: the system's, or `SSL_CERT_FILE`. */
  readonly caFile?: string | undefined
  /** HTTP proxy for calls to the authorization server. */
  readonly proxy?: string | undefined
  /** Default: true. False lets in tokens that were meant for other servers, and says so in the log. */
  readonly checkAudience?: boolean | undefined
}

type OptionName = keyof AuthAgentOptions

/** The core's name of each option. */
const CORE_NAMES: { readonly [name in OptionName]-?: string } = {
  serverId: 'server_id',
  apiKey: 'api_key',
  requiredScopes: 'required_scopes',
  authServerUrl: 'auth_server',
  publicPaths: 'public_paths',
  cacheTtl: 'cache_ttl',
  cacheSize: 'cache_size',
  resource: 'resource',
  tools: 'tools',
  mode: 'mode',
  introspectionEndpoint: 'introspection_endpoint',
  jwksUri: 'jwks_uri',
  connectTimeout: 'connect_timeout',
  timeout: 'timeout',
  maxBody: 'max_body',
  resourceName: 'resource_name',
  scopesSupported: 'scopes_supported',
  caFile: 'ca_file',
  proxy: 'proxy',
  checkAudience: 'check_audience',
}

const OUR_NAMES: ReadonlyMap<string, string> = new Map(Object.entries(CORE_NAMES).map(([ours, core]) => [core, ours]))

/** JSON would turn these into null or nothing at all, and the core would take that for "not given". */
function checkRepresentable(name: string, value: unknown): void {
  const lost = typeof value === 'function' || typeof value === 'symbol' || (typeof value === 'number' && !Number.isFinite(value))
  if (lost || typeof value === 'bigint') {
    throw new AuthAgentError('OPTION_INVALID', `option ${name} cannot be a ${Number.isNaN(value) ? 'NaN' : typeof value}`)
  }
}

function toCoreName(name: string): string {
  const meant = OUR_NAMES.get(name)
  if (meant !== undefined && meant !== name) {
    throw new AuthAgentError('OPTION_UNKNOWN', `there is no option ${name}; did you mean ${meant}?`)
  }
  return Object.hasOwn(CORE_NAMES, name) ? CORE_NAMES[name as OptionName] : name
}

function toCoreOptions(options: AuthAgentOptions): string {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined)
  for (const [name, value] of entries) checkRepresentable(name, value)
  return JSON.stringify(Object.fromEntries(entries.map(([name, value]) => [toCoreName(name), value])))
}

/** The core's messages, in the names that the caller wrote. */
function translate(message: string): string {
  return message.replace(/[a-z]+(?:_[a-z]+)*/g, (word) => OUR_NAMES.get(word) ?? word)
}

/** Makes the guard that decides; throws an {@link AuthAgentError} that names the wrong option. */
export function makeGuard(options: AuthAgentOptions): Guard {
  const json = toCoreOptions(options)
  try {
    return new Guard(json)
  } catch (error) {
    const { code, message } = error as Error & { readonly code?: string }
    throw new AuthAgentError(code ?? 'INTERNAL', translate(message))
  }
}
