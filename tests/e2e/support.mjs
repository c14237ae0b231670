// The real parts of the whole path as processes: the authorization server's binary on a database of its own, and the two example MCP servers.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const EMAIL = 'ada@example.com'
export const PASSWORD = 'correct horse battery staple'
export const SCOPES = ['files:read', 'files:write']

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const BINARY = process.env.AUTH_AGENT_SERVER_BINARY ?? join(ROOT, 'build/asan/server/auth-agent-server')
const START_MS = 30000
const STOP_MS = 10000
const PAUSE_MS = 50

const COMMANDS = {
  FastAPI: [join(ROOT, '.venv/bin/python'), join(ROOT, 'examples/filesystem-server/server.py')],
  Hono: [process.execPath, join(ROOT, 'examples/typescript-server/dist/server.js')],
}

export const EXAMPLES = Object.keys(COMMANDS)

/** The environment without what would configure the programs behind a test's back. */
function environment(more) {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('AUTH_AGENT_') || name === 'AUTH_AGENT_MCP_NATIVE')
  return { ...Object.fromEntries(kept), ...more }
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/** A child process whose output is kept for the message of a failing test. */
class Process {
  constructor(argv, options) {
    this.output = ''
    this.child = spawn(argv[0], argv.slice(1), { ...options, stdio: ['pipe', 'pipe', 'pipe'] })
    this.exited = once(this.child, 'exit')
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on('data', (chunk) => (this.output += chunk))
  }

  get isRunning() {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  /** Waits until `url` is answered at all. */
  async answers(url) {
    const until = Date.now() + START_MS
    while (Date.now() < until && this.isRunning) {
      if (await fetch(url).catch(() => undefined)) return
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
    this.child.kill('SIGKILL')
    throw new Error(`${this.child.spawnargs.join(' ')} does not answer:\n${this.output}`)
  }

  /** Exit code, or the name of the signal that ended it. */
  async end(signal) {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS)
    this.child.kill(signal)
    const [code, killer] = await this.exited
    clearTimeout(timer)
    return code ?? killer
  }
}

/** The authorization server, with a person who can log in and an administrator's token. */
export class AuthorizationServer {
  /** `more` is its configuration. */
  static async start(more = {}) {
    const self = new AuthorizationServer()
    self.more = more
    self.folder = await mkdtemp(join(tmpdir(), 'auth-agent-e2e-'))
    self.port = await freePort()
    self.issuer = `http://localhost:${self.port}`
    self.adminToken = JSON.parse(await self.run(['init', '--json'])).admin_token
    await self.run(['user', 'add', EMAIL, '--name', 'Ada Lovelace'], `${PASSWORD}\n`)
    await self.serve()
    return self
  }

  get options() {
    return { cwd: this.folder, env: environment({ AUTH_AGENT_DATABASE: join(this.folder, 'auth-agent.db'), ...this.more }) }
  }

  /** One command of the command line; what it prints. */
  async run(words, input = '') {
    const child = spawn(BINARY, words, this.options)
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk) => (stdout += chunk))
    child.stderr.on('data', (chunk) => (stderr += chunk))
    child.stdin.end(input)
    const [code] = await once(child, 'close')
    if (code !== 0) throw new Error(`auth-agent-server ${words.join(' ')} ended with ${code}: ${stderr}`)
    return stdout
  }

  async serve() {
    this.process = new Process([BINARY, 'serve', `--port=${this.port}`, `--issuer=${this.issuer}`], this.options)
    await this.process.answers(`${this.issuer}/.well-known/oauth-authorization-server`)
  }

  async stop() {
    const code = await this.process.end('SIGTERM')
    await rm(this.folder, { recursive: true })
    if (code !== 0) throw new Error(`the authorization server ended with ${code}:\n${this.process.output}`)
  }

  /** The administrator's API. */
  async admin(method, path, body) {
    const headers = { authorization: `Bearer ${this.adminToken}`, 'content-type': 'application/json' }
    const response = await fetch(`${this.issuer}${path}`, { method, headers, body: body && JSON.stringify(body) })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    return response.status === 204 ? undefined : response.json()
  }

  async metadata() {
    return (await fetch(`${this.issuer}/.well-known/oauth-authorization-server`)).json()
  }

  /** RFC 7009, as the client that holds the token. */
  async revoke(token, clientId) {
    const { revocation_endpoint: url } = await this.metadata()
    const response = await fetch(url, { method: 'POST', body: new URLSearchParams({ token, client_id: clientId }) })
    if (response.status !== 200) throw new Error(`revocation: ${response.status}`)
  }
}

/** An example MCP server, registered at `as` and running. It asks about every request: a revocation shows at once. */
export class Example {
  static async start(name, as, more = { AUTH_AGENT_CACHE_TTL: '0' }) {
    const self = new Example()
    self.port = await freePort()
    self.url = `http://localhost:${self.port}`
    self.resource = `${self.url}/mcp`
    self.files = join(as.folder, `files-${self.port}`)
    await mkdir(self.files)
    await writeFile(join(self.files, 'hello.txt'), 'hello ž')
    const server = await as.admin('POST', '/api/servers', { server_url: self.resource, server_name: `Files (${name})`, scopes: SCOPES })
    const key = await as.admin('POST', `/api/servers/${server.server_id}/keys`, { name: 'e2e' })
    const env = environment({
      AUTH_AGENT_SERVER_ID: server.server_id,
      AUTH_AGENT_API_KEY: key.key_secret,
      AUTH_AGENT_AUTH_SERVER: as.issuer,
      FILES_ROOT: self.files,
      PORT: String(self.port),
      ...more,
    })
    self.process = new Process(COMMANDS[name], { cwd: as.folder, env })
    await self.process.answers(`${self.url}/api/files`)
    return self
  }

  async stop() {
    const code = await this.process.end('SIGTERM')
    if (code !== 0 && code !== 'SIGTERM') throw new Error(`the example ended with ${code}:\n${this.process.output}`)
  }

  /** A plain request, past the MCP clients. */
  get(path, token) {
    return fetch(`${this.url}${path}`, { headers: token ? { authorization: `Bearer ${token}` } : {} })
  }
}
