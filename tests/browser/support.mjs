// A person at a real browser, a client that waits for its callback, and the authorization server's own binary between them.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { chromium } from 'playwright-core'
import { AuthorizationServer, EMAIL, PASSWORD } from '../e2e/support.mjs'

export const ADA = { email: EMAIL, password: PASSWORD }
export const GRACE = { email: 'grace@example.com', password: 'nanoseconds on a wire' }
export const RESOURCE = 'https://files.example.com/mcp'
export const SERVER_NAME = 'Ada’s files'
export const SCOPES = ['files:read', 'files:write']
export const WEB_HOST = 'app.example.com'
export const SCREENSHOTS = fileURLToPath(new URL('./screenshots/', import.meta.url))

const CHROMIUM = process.env.CHROMIUM_BINARY ?? '/usr/bin/chromium'
const TIMEOUT_MS = 20000
const QUIET = ['--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
const PHONE = { viewport: { width: 360, height: 640 }, deviceScaleFactor: 2 }
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

/** How a page can be looked at. */
export const LOOKS = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  '360px': { colorScheme: 'light', ...PHONE },
  '360px-dark': { colorScheme: 'dark', ...PHONE },
}

// ---- where the client is called back ----

/** A listener that keeps what it was called with. */
class Callback {
  constructor(server, origin) {
    this.server = server
    this.origin = origin
    this.redirectUri = `${origin}/callback`
    this.answers = []
    this.page = '<!doctype html><title>Back at the app</title><h1>Back at the app</h1>'
    server.on('request', (request, response) => {
      const url = new URL(request.url, origin)
      if (url.pathname === '/callback') this.answers.push(url.searchParams)
      response.setHeader('content-type', 'text/html; charset=utf-8')
      response.end(this.page)
    })
  }

  get codes() {
    return this.answers.map((answer) => answer.get('code')).filter((code) => code !== null)
  }

  get port() {
    return this.server.address().port
  }

  stop() {
    this.server.closeAllConnections()
    this.server.close()
  }
}

async function listen(server) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** A program on this computer (RFC 8252 §7.3). */
async function startLoopback() {
  const server = await listen(createServer())
  return new Callback(server, `http://127.0.0.1:${server.address().port}`)
}

/** A web client: https, on a host that the browser is told to find here. */
async function startWeb(folder) {
  const [key, cert] = ['key', 'cert'].map((name) => join(folder, `${WEB_HOST}.${name}.pem`))
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  await promisify(execFile)('openssl', ['req', ...kind, '-subj', `/CN=${WEB_HOST}`, '-keyout', key, '-out', cert])
  return new Callback(await listen(createTlsServer({ key: await readFile(key), cert: await readFile(cert) })), `https://${WEB_HOST}`)
}

// ---- the scene ----

/** Server, callbacks and browser, for all tests of a file. */
export class Scene {
  static async start() {
    const self = new Scene()
    self.as = await AuthorizationServer.start()
    await self.as.run(['user', 'add', GRACE.email, '--password-stdin'], `${GRACE.password}\n`)
    await self.as.admin('POST', '/api/servers', { server_url: RESOURCE, server_name: SERVER_NAME, scopes: SCOPES })
    self.loopback = await startLoopback()
    self.web = await startWeb(self.as.folder)
    // Nothing but these names leads anywhere, so nothing can leave this machine.
    const hosts = `MAP ${WEB_HOST} 127.0.0.1:${self.web.port}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost`
    const sandbox = process.getuid() === 0 ? ['--no-sandbox'] : []
    self.browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: [...QUIET, '--disable-quic', `--host-resolver-rules=${hosts}`, ...sandbox],
    })
    return self
  }

  async stop() {
    await this.browser?.close()
    this.loopback?.stop()
    this.web?.stop()
    await this.as?.stop()
  }

  /** A test with its own visit; what the browser asked for is judged at the end. */
  visit(body, options) {
    return async () => {
      const visitor = await Visitor.arrive(this, options)
      try {
        await body(visitor)
        visitor.checkStayed()
      } finally {
        await visitor.leave()
      }
    }
  }

  /** RFC 7591. */
  async register(metadata) {
    const response = await fetch(`${this.as.issuer}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'], ...metadata }),
    })
    const client = await response.json()
    assert.equal(response.status, 201, JSON.stringify(client))
    return client
  }

  /** Begins an authorization: the URL to open, and what the client keeps for the end of it. A client may have no name: null. */
  async begin(redirectUri, { name = 'Notebook', ...more } = {}) {
    const { client_id: clientId } = await this.register({ client_name: name ?? undefined, redirect_uris: [redirectUri] })
    return this.again({ clientId, redirectUri }, more)
  }

  /** The same client once more. */
  again({ clientId, redirectUri }, more = {}) {
    const verifier = randomBytes(32).toString('base64url')
    const state = randomBytes(8).toString('hex')
    const url = new URL(`${this.as.issuer}/authorize`)
    url.search = new URLSearchParams({
      response_type: 'code',
      client_id: clientId,
      redirect_uri: redirectUri,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      resource: RESOURCE,
      scope: 'files:read',
      state,
      ...more,
    })
    return { url: url.href, clientId, redirectUri, verifier, state }
  }

  /** The token endpoint's answer to a code. */
  async redeem(flow, code) {
    const body = new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      client_id: flow.clientId,
      redirect_uri: flow.redirectUri,
      code_verifier: flow.verifier,
      resource: RESOURCE,
    })
    const response = await fetch(`${this.as.issuer}/token`, { method: 'POST', body })
    return { status: response.status, ...(await response.json()) }
  }
}

// ---- the person ----

/** A browser of its own, with JavaScript off unless asked for. */
export class Visitor {
  static async arrive(scene, options = {}) {
    const self = new Visitor()
    self.scene = scene
    self.requests = []
    self.complaints = []
    self.context = await scene.browser.newContext({ javaScriptEnabled: false, ignoreHTTPSErrors: true, ...options })
    self.context.setDefaultTimeout(TIMEOUT_MS)
    self.context.on('request', (request) => self.requests.push(Visitor.noted(request)))
    self.context.on('console', (message) => self.complaints.push(message.text()))
    self.page = await self.context.newPage()
    return self
  }

  /** A request, and whose page it is for: a frame knows only its present address. */
  static noted(request) {
    return { url: request.url(), page: request.isNavigationRequest() ? undefined : request.frame().url() }
  }

  async leave() {
    await this.context.close()
  }

  /** Every page took everything from its own origin, and the browser had nothing to complain about. */
  checkStayed() {
    const own = [new URL(this.scene.as.issuer).origin, this.scene.loopback.origin, this.scene.web.origin]
    for (const { url, page } of this.requests) {
      const { origin, protocol, pathname } = new URL(url)
      assert.ok(own.includes(origin) || protocol === 'cursor:', `a request left for ${origin}`)
      if (page !== undefined) assert.equal(origin, new URL(page).origin, `${pathname} is loaded from another origin`)
    }
    assert.deepEqual(
      this.complaints.filter((text) => /content security policy|blocked|mixed content/i.test(text)),
      [],
    )
  }

  get heading() {
    return this.page.getByRole('heading', { level: 1 })
  }

  get alert() {
    return this.page.getByRole('alert')
  }

  button(name) {
    return this.page.getByRole('button', { name, exact: true })
  }

  open(url) {
    return this.page.goto(url)
  }

  async logIn({ email, password }) {
    await this.page.getByLabel('E-mail address').fill(email)
    await this.page.getByLabel('Password').fill(password)
    await this.button('Log in').click()
  }

  async openConsent(flow, person = ADA) {
    await this.open(flow.url)
    await this.logIn(person)
    await this.button('Allow').waitFor()
  }

  /** Allows what this asks for, as somebody who is logged in; the client fetches its tokens. */
  async allow(flow, callback) {
    await this.open(flow.url)
    await this.button('Allow').click()
    return this.scene.redeem(flow, (await this.isBack(callback)).get('code'))
  }

  /** Waits until the browser is back at the client. */
  async isBack(callback) {
    await this.page.waitForURL((url) => url.origin === callback.origin && url.pathname === '/callback')
    return new URL(this.page.url()).searchParams
  }

  /** What the form with this button would send. */
  async formOf(name) {
    const form = this.page.locator('form', { has: this.button(name) })
    const fields = await form.locator('input').evaluateAll((inputs) => inputs.map(({ name, value }) => [name, value]))
    const button = await this.button(name).evaluate(({ name, value }) => [name, value])
    const url = await form.evaluate((element) => element.action)
    return { url, body: new URLSearchParams([...fields, button]) }
  }

  /** Sends it with this browser's cookies, beside the browser's own navigation. */
  async post({ url, body }, more = {}) {
    const cookies = await this.context.cookies(url)
    const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
    const headers = { cookie, origin: new URL(url).origin, ...more }
    return fetch(url, { method: 'POST', body, headers, redirect: 'manual' })
  }

  /** Serious or worse, by axe-core's own rules. */
  async violations() {
    await this.page.evaluate(await readFile(AXE, 'utf8'))
    const { violations } = await this.page.evaluate('axe.run(document)')
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html}: ${failureSummary}`))
  }

  async screenshot(name) {
    await mkdir(SCREENSHOTS, { recursive: true })
    await this.page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true })
  }
}
