// The official TypeScript clients where they are known by the URL of their metadata document, which is published on a web site with TLS: the
// authorization server fetches it, and nothing is registered.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Browser, listenForCallback } from './browser.mjs'
import { ClientSite } from './client_site.mjs'
import { CLIENTS, Program } from './clients.mjs'
import { AuthorizationServer, EMAIL, Example, PASSWORD } from './support.mjs'

let site
let as
let example

before(async () => {
  site = await ClientSite.start()
  as = await AuthorizationServer.start({ AUTH_AGENT_CA_FILE: site.certificate, AUTH_AGENT_REGISTRATION: 'off' })
  example = await Example.start('Hono', as)
})

after(async () => {
  await example.stop()
  await as.stop()
  await site.stop()
})

function path(kind, number) {
  let callback
  let program
  let documentUrl

  before(async () => {
    callback = await listenForCallback()
    documentUrl = site.clientId(`client-${number}`)
    site.visits = 0
    program = new Program(kind, example.resource, new Browser({ email: EMAIL, password: PASSWORD }), callback.redirectUri, documentUrl)
  })

  after(async () => {
    await program.close()
    callback.stop()
  })

  test('it names itself by its document, and a person logs in and approves', async () => {
    await program.connectFromNothing()
    assert.equal(program.clientId, documentUrl)
    assert.equal(program.requested.searchParams.get('client_id'), documentUrl)
    assert.deepEqual(program.visits, [['login', 'consent']])
  })

  test('the page of consent named the site first, and what the client calls itself after it', () => {
    const page = program.browser.consentPage
    const [siteAt, nameAt] = [page.indexOf(`>${site.host}<`), page.indexOf('An e2e client')]
    assert.ok(siteAt > 0 && nameAt > siteAt)
  })

  test('it calls a tool, refreshes, and is authorized for more; its site was asked once', async () => {
    assert.equal((await program.call('read_file', { path: 'hello.txt' })).text, 'hello ž')
    program.spoilAccessToken()
    assert.equal((await program.call('read_file', { path: 'hello.txt' })).text, 'hello ž')
    const result = await program.callSteppingUp('write_file', { path: 'written.txt', content: kind })
    assert.equal(result.isError, false)
    assert.equal(site.visits, 1)
  })

  test('it gives its grant back', async () => {
    const { access_token: token, refresh_token: refresh } = program.tokens
    await as.revoke(refresh, documentUrl)
    assert.equal((await example.get('/api/files', token)).status, 401)
  })
}

for (const [number, kind] of Object.keys(CLIENTS).entries()) describe(`${kind}, known by its document`, () => path(kind, number))

function keyedPath(kind, alg, number) {
  let callback
  let program
  let client

  before(async () => {
    callback = await listenForCallback()
    client = site.keyedClient(`keyed-${number}`, alg)
    site.visits = site.keyVisits = 0
    program = new Program(kind, example.resource, new Browser({ email: EMAIL, password: PASSWORD }), callback.redirectUri, client.clientId)
    program.authenticateWith(client)
  })

  after(async () => {
    await program.close()
    callback.stop()
  })

  test('it proves itself with its key, calls a tool and refreshes; its site was asked once for each', async () => {
    await program.connectFromNothing()
    assert.equal((await program.call('read_file', { path: 'hello.txt' })).text, 'hello ž')
    const before = program.tokens.refresh_token
    program.spoilAccessToken()
    assert.equal((await program.call('read_file', { path: 'hello.txt' })).text, 'hello ž')
    assert.notEqual(program.tokens.refresh_token, before)
    assert.deepEqual([site.visits, site.keyVisits], [1, 1])
  })

  test('its refresh token is worth nothing without the key', async () => {
    const parameters = { grant_type: 'refresh_token', client_id: client.clientId, refresh_token: program.tokens.refresh_token }
    const response = await fetch(`${as.issuer}/token`, { method: 'POST', body: new URLSearchParams(parameters) })
    assert.equal(response.status, 401)
    assert.equal((await response.json()).error, 'invalid_client')
    program.spoilAccessToken()
    assert.equal((await program.call('read_file', { path: 'hello.txt' })).text, 'hello ž')
  })
}

const KEYED = [
  ['@modelcontextprotocol/client', 'ES256'],
  ['@modelcontextprotocol/client', 'RS256'],
  ['@modelcontextprotocol/sdk v1', 'ES256'],
]
for (const [number, [kind, alg]] of KEYED.entries()) describe(`${kind}, with a key of its own (${alg})`, () => keyedPath(kind, alg, number))

test('a site whose certificate nobody vouches for is not believed', async () => {
  const strangers = await ClientSite.start()
  try {
    const parameters = {
      response_type: 'code',
      client_id: strangers.clientId('client'),
      redirect_uri: 'http://127.0.0.1:4711/callback',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
      resource: example.resource,
    }
    const response = await fetch(`${as.issuer}/authorize?${new URLSearchParams(parameters)}`, { redirect: 'manual' })
    assert.equal(response.status, 400)
    assert.match(await response.text(), /could not be fetched/)
    assert.equal(strangers.visits, 0)
  } finally {
    await strangers.stop()
  }
})
