// A program with one of the official MCP clients in it, and nothing preset: what it knows of authorization it learns on the way.
import {
  Client as ClientV2,
  createPrivateKeyJwtAuth as signWithV2,
  StreamableHTTPClientTransport as TransportV2,
  UnauthorizedError as UnauthorizedV2,
} from '@modelcontextprotocol/client'
import { auth, extractWWWAuthenticateParams, UnauthorizedError as UnauthorizedV1 } from '@modelcontextprotocol/sdk/client/auth.js'
import { createPrivateKeyJwtAuth as signWithV1 } from '@modelcontextprotocol/sdk/client/auth-extensions.js'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { randomUUID } from 'node:crypto'

const IDENTITY = { name: 'e2e', version: '1' }
const STATELESS = { supportedProtocolVersions: ['2026-07-28'], versionNegotiation: { mode: { pin: '2026-07-28' } } }

/**
 * `finish` hands the callback to the client. `isStuck`: v1 answers a missing scope by a refresh, which cannot widen anything (RFC 6749 §6), and gives
 * up; the program has to drop its tokens and ask for authorization itself.
 */
export const CLIENTS = {
  '@modelcontextprotocol/client': {
    make: () => new ClientV2(IDENTITY),
    Transport: TransportV2,
    Unauthorized: UnauthorizedV2,
    finish: (transport, parameters) => transport.finishAuth(parameters),
    signWith: signWithV2,
    isStuck: false,
  },
  '@modelcontextprotocol/client, 2026-07-28 alone': {
    make: () => new ClientV2(IDENTITY, STATELESS),
    Transport: TransportV2,
    Unauthorized: UnauthorizedV2,
    finish: (transport, parameters) => transport.finishAuth(parameters),
    signWith: signWithV2,
    isStuck: false,
  },
  '@modelcontextprotocol/sdk v1': {
    make: () => new ClientV1(IDENTITY),
    Transport: TransportV1,
    Unauthorized: UnauthorizedV1,
    finish: (transport, parameters) => transport.finishAuth(parameters.get('code')),
    signWith: signWithV1,
    isStuck: true,
  },
}

/** What the client asks to be kept for it, in memory. */
class Memory {
  registrations = 0
  #state
  #client
  #tokens
  #verifier
  #discovery

  constructor(redirectUri, visit, documentUrl) {
    this.redirectUrl = redirectUri
    this.clientMetadataUrl = documentUrl
    this.redirectToAuthorization = visit
  }

  get clientMetadata() {
    return {
      client_name: 'An e2e client',
      redirect_uris: [this.redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    }
  }

  state() {
    return (this.#state = randomUUID())
  }

  isOurState(state) {
    return state === this.#state
  }

  clientInformation() {
    return this.#client
  }

  saveClientInformation(client) {
    this.registrations++
    this.#client = client
  }

  tokens() {
    return this.#tokens
  }

  saveTokens(tokens) {
    this.#tokens = tokens
  }

  codeVerifier() {
    return this.#verifier
  }

  saveCodeVerifier(verifier) {
    this.#verifier = verifier
  }

  discoveryState() {
    return this.#discovery
  }

  saveDiscoveryState(state) {
    this.#discovery = state
  }

  invalidateCredentials(scope) {
    if (['all', 'client'].includes(scope)) this.#client = undefined
    if (['all', 'tokens'].includes(scope)) this.#tokens = undefined
    if (['all', 'verifier'].includes(scope)) this.#verifier = undefined
    if (['all', 'discovery'].includes(scope)) this.#discovery = undefined
  }
}

export class Program {
  /** Refusals seen on the way: { status, challenge }. */
  refusals = []
  /** What the person saw at each authorization: ['login', 'consent']. */
  visits = []
  #transports = []

  /** `documentUrl`: where the client publishes its metadata document, if it does. */
  constructor(kind, resource, browser, redirectUri, documentUrl) {
    this.kind = CLIENTS[kind]
    this.resource = new URL(resource)
    this.browser = browser
    this.memory = new Memory(redirectUri, (url) => this.#visit(url), documentUrl)
  }

  /** Opens the browser, as a desktop client would. Without a person at it, the request just stays there. */
  async #visit(url) {
    this.requested = url
    if (!this.browser) return
    const { parameters, seen } = await this.browser.authorize(url, this.memory.redirectUrl)
    if (!this.memory.isOurState(parameters.get('state'))) throw new Error('the state came back changed')
    this.callback = parameters
    this.visits.push(seen)
  }

  /** From now on it authenticates with this key (private_key_jwt), as its document says. */
  authenticateWith({ clientId, privateKey }) {
    this.memory.addClientAuthentication = this.kind.signWith({ issuer: clientId, subject: clientId, privateKey, alg: privateKey.alg })
  }

  get tokens() {
    return this.memory.tokens()
  }

  /** Nobody waits an hour for a token to expire: to the server this one is as dead. */
  spoilAccessToken() {
    this.memory.saveTokens({ ...this.tokens, access_token: `${this.tokens.access_token.slice(0, -4)}AAAA` })
  }

  get clientId() {
    return this.memory.clientInformation()?.client_id
  }

  #open() {
    const transport = new this.kind.Transport(this.resource, {
      authProvider: this.memory,
      fetch: async (url, init) => {
        const response = await fetch(url, init)
        if (response.status >= 400)
          this.refusals.push({ status: response.status, challenge: response.headers.get('www-authenticate'), response })
        return response
      },
    })
    this.#transports.push(transport)
    return (this.transport = transport)
  }

  /** Connects with what is known already. */
  async connect() {
    this.client = this.kind.make()
    await this.client.connect(this.#open())
  }

  /** Connects from nothing: the first attempt ends in the browser, the second has a token. */
  async connectFromNothing() {
    const refused = await this.connect().then(
      () => undefined,
      (error) => error,
    )
    if (!(refused instanceof this.kind.Unauthorized)) throw refused ?? new Error('connected without a token')
    await this.kind.finish(this.transport, this.callback)
    await this.connect()
  }

  async call(name, input) {
    const result = await this.client.callTool({ name, arguments: input })
    return { text: result.content.map((part) => part.text).join(''), isError: result.isError ?? false }
  }

  /** A call that needs more than the token has: refused, authorized anew for more, called again. */
  async callSteppingUp(name, input) {
    const refused = await this.call(name, input).then(
      () => undefined,
      (error) => error,
    )
    if (!refused) throw new Error('the call succeeded without the scope')
    if (this.kind.isStuck) await this.#askForMore()
    await this.kind.finish(this.transport, this.callback)
    return this.call(name, input)
  }

  async #askForMore() {
    const { response } = this.refusals.at(-1)
    const { scope, resourceMetadataUrl } = extractWWWAuthenticateParams(response)
    this.memory.invalidateCredentials('tokens')
    await auth(this.memory, { serverUrl: this.resource, scope, resourceMetadataUrl })
  }

  async close() {
    for (const transport of this.#transports) await transport.close()
  }
}
