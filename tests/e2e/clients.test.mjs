// The official TypeScript clients against both examples, over real sockets, with nothing preset.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Browser, listenForCallback } from './browser.mjs'
import { CLIENTS, Program } from './clients.mjs'
import { AuthorizationServer, EMAIL, Example, EXAMPLES, PASSWORD } from './support.mjs'

const PERSON = { email: EMAIL, password: PASSWORD }

let as
const examples = {}

before(async () => {
  as = await AuthorizationServer.start()
  for (const name of EXAMPLES) examples[name] = await Example.start(name, as)
})

after(async () => {
  for (const example of Object.values(examples)) await example.stop()
  await as.stop()
})

function path(kind, name) {
  let example
  let callback
  let program

  before(async () => {
    example = examples[name]
    callback = await listenForCallback()
    program = new Program(kind, example.resource, new Browser(PERSON), callback.redirectUri)
  })

  after(async () => {
    await program.close()
    callback.stop()
  })

  test('it is refused, finds the authorization server, registers, and a person logs in and approves', async () => {
    assert.equal(program.tokens, undefined)
    await program.connectFromNothing()
    assert.equal(program.refusals[0].status, 401)
    const document = `${example.url}/.well-known/oauth-protected-resource/mcp`
    assert.equal(program.refusals[0].challenge, `Bearer scope="files:read", resource_metadata="${document}"`)
    assert.equal(program.memory.registrations, 1)
    assert.deepEqual(program.visits, [['login', 'consent']])
    assert.equal(program.callback.get('iss'), as.issuer)
  })

  test('it asked for this server alone and for no more than the challenge named', () => {
    const { searchParams } = program.requested
    assert.equal(searchParams.get('resource'), example.resource)
    assert.equal(searchParams.get('scope'), 'files:read')
    assert.equal(searchParams.get('code_challenge_method'), 'S256')
    assert.equal(program.tokens.scope, 'files:read')
  })

  test('the page of consent named the client, where it is called back and what it reaches', () => {
    for (const part of ['An e2e client', '127.0.0.1', `Files (${name})`]) assert.ok(program.browser.consentPage.includes(part), part)
  })

  test('it lists the tools and calls one', async () => {
    const { tools } = await program.client.listTools()
    assert.deepEqual(tools.map((tool) => tool.name).sort(), ['list_files', 'read_file', 'write_file'])
    assert.equal((await program.call('read_file', { path: 'hello.txt' })).text, 'hello ž')
  })

  test('the server knows who is asking', async () => {
    const response = await example.get('/api/files', program.tokens.access_token)
    assert.equal(response.status, 200)
    assert.ok(JSON.stringify(await response.json()).includes(EMAIL))
  })

  test('an access token that is no longer good is refreshed without a person', async () => {
    const first = program.tokens
    program.spoilAccessToken()
    assert.equal((await example.get('/api/files', program.tokens.access_token)).status, 401)
    assert.equal((await program.call('read_file', { path: 'hello.txt' })).text, 'hello ž')
    assert.equal((await example.get('/api/files', program.tokens.access_token)).status, 200)
    assert.notEqual(program.tokens.access_token, first.access_token)
    assert.notEqual(program.tokens.refresh_token, first.refresh_token)
    assert.equal(program.visits.length, 1)
  })

  test('a call that needs more is refused with the scopes it needs, authorized for them, and succeeds', async () => {
    const write = { path: 'written.txt', content: `by ${kind}` }
    const result = await program.callSteppingUp('write_file', write)
    const refusal = program.refusals.find(({ status }) => status === 403)
    assert.match(refusal.challenge, /^Bearer error="insufficient_scope", scope="files:read files:write", resource_metadata="/)
    assert.equal(result.isError, false)
    assert.equal(await readFile(join(example.files, 'written.txt'), 'utf8'), write.content)
    assert.deepEqual(program.tokens.scope.split(' ').sort(), ['files:read', 'files:write'])
    assert.equal(program.memory.registrations, 1)
    assert.deepEqual(program.visits, [['login', 'consent'], ['consent']])
  })

  test('after revocation it is refused, and only a person could help it', async () => {
    const { access_token: token, refresh_token: refresh } = program.tokens
    assert.equal((await example.get('/api/files', token)).status, 200)
    await as.revoke(refresh, program.clientId)
    const refused = await example.get('/api/files', token)
    assert.equal(refused.status, 401)
    assert.match(refused.headers.get('www-authenticate'), /^Bearer error="invalid_token"/)
    program.browser = undefined
    await assert.rejects(program.call('read_file', { path: 'hello.txt' }), program.kind.Unauthorized)
    assert.equal(program.tokens, undefined)
  })
}

for (const kind of Object.keys(CLIENTS)) {
  for (const name of EXAMPLES) describe(`${kind} at the ${name} example`, () => path(kind, name))
}
