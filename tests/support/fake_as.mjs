// A fake authorization server for the tests of the Node side: RFC 8414 metadata, introspection, GET /api/servers/{id}. It listens on a free
// port of the loopback interface, counts what it is asked, and does what a test told it to.
import { createServer } from 'node:http'
import { once } from 'node:events'

export const SERVER_ID = 'srv_testserver000000'
export const API_KEY = 'sk_testkey0000000000testsecret'
export const RESOURCE = 'https://files.example.com/mcp'

const basic = `Basic ${Buffer.from(`${SERVER_ID}:${API_KEY}`).toString('base64')}`
const inAnHour = () => Math.floor(Date.now() / 1000) + 3600

export class FakeAs {
  /** Answers of the introspection endpoint by token; a function gets called, everything else is sent as JSON. */
  tokens = new Map()
  /** Requests seen, by path without query. */
  count = {}
  /** Milliseconds every introspection takes. */
  delayMs = 0
  /** When set, answers every introspection: (request, response, body) => void */
  misbehave = undefined
  /** What GET /api/servers/{id} says. */
  record = { server_id: SERVER_ID, server_url: RESOURCE, server_name: 'Files', scopes: ['files:read', 'files:write'] }
  sockets = new Set()

  static async start() {
    const self = new FakeAs()
    self.server = createServer((request, response) => self.handle(request, response))
    self.server.on('connection', (socket) => {
      self.sockets.add(socket)
      socket.on('close', () => self.sockets.delete(socket))
    })
    await self.listen(0)
    return self
  }

  async listen(port) {
    this.server.listen(port, '127.0.0.1')
    await once(this.server, 'listening')
    this.port = this.server.address().port
    this.issuer = `http://127.0.0.1:${this.port}`
  }

  async stop() {
    if (!this.server.listening) return
    const closed = once(this.server, 'close')
    this.server.close()
    for (const socket of this.sockets) socket.destroy()
    await closed
  }

  restart() {
    return this.listen(this.port)
  }

  /** Makes `token` a good one; members override the answer. */
  grant(token, members = {}) {
    this.tokens.set(token, {
      active: true,
      sub: 'usr_0001',
      email: 'ada@example.com',
      name: 'Ada Lovelace',
      client_id: 'cl_0001',
      scope: 'files:read',
      aud: RESOURCE,
      iss: this.issuer,
      exp: inAnHour(),
      ...members,
    })
    return token
  }

  get introspections() {
    return this.count['/introspect'] ?? 0
  }

  /** Options of a guard that talks to this server. */
  options(more = {}) {
    return { server_id: SERVER_ID, api_key: API_KEY, auth_server: this.issuer, required_scopes: ['files:read'], ...more }
  }

  async handle(request, response) {
    const { pathname } = new URL(request.url, this.issuer)
    this.count[pathname] = (this.count[pathname] ?? 0) + 1
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString()
    const handler = this.routes[pathname] ?? this.notFound
    await handler.call(this, request, response, body)
  }

  routes = {
    '/.well-known/oauth-authorization-server': (_request, response) =>
      send(response, 200, {
        issuer: this.issuer,
        authorization_endpoint: `${this.issuer}/authorize`,
        token_endpoint: `${this.issuer}/token`,
        introspection_endpoint: `${this.issuer}/introspect`,
        response_types_supported: ['code'],
        code_challenge_methods_supported: ['S256'],
      }),
    [`/api/servers/${SERVER_ID}`]: (request, response) =>
      this.isAuthorized(request) ? send(response, 200, this.record) : send(response, 401, { error: 'invalid_client' }),
    '/introspect': (request, response, body) => this.introspect(request, response, body),
  }

  notFound(_request, response) {
    send(response, 404, { error: 'not_found' })
  }

  /** Basic with id and key, or the key as a Bearer token. */
  isAuthorized(request) {
    return [basic, `Bearer ${API_KEY}`].includes(request.headers.authorization)
  }

  async introspect(request, response, body) {
    if (this.delayMs) await new Promise((resolve) => setTimeout(resolve, this.delayMs))
    if (this.misbehave) return this.misbehave(request, response, body)
    if (!this.isAuthorized(request)) return send(response, 401, { error: 'invalid_client' })
    const answer = this.tokens.get(new URLSearchParams(body).get('token')) ?? { active: false }
    send(response, 200, typeof answer === 'function' ? answer() : answer)
  }
}

/** Runs `body` with an authorization server of its own. */
export async function withAs(body) {
  const as = await FakeAs.start()
  try {
    return await body(as)
  } finally {
    await as.stop()
  }
}

export function send(response, status, document, headers = {}) {
  const body = typeof document === 'string' ? document : JSON.stringify(document)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers })
  response.end(body)
}
