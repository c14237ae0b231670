// The MCP conformance suite: every scenario it has for an authorization server, and those for a server that a middleware could break, through ours.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { Browser, listenForCallback } from '../e2e/browser.mjs'
import { Program } from '../e2e/clients.mjs'
import { AuthorizationServer, EMAIL, Example, EXAMPLES, freePort, PASSWORD } from '../e2e/support.mjs'
import { complaints, passed, runSuite } from './suite.mjs'

const PERSON = { email: EMAIL, password: PASSWORD }
const SERVER_SCENARIOS = ['server-initialize', 'ping', 'tools-list', 'dns-rebinding-protection', 'http-header-validation']

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

describe('the authorization server', () => {
  let result

  before(async () => {
    const port = await freePort()
    const redirectUri = `http://127.0.0.1:${port}/callback`
    const client = JSON.parse(await as.run(['client', 'add', redirectUri, '--name', 'Conformance suite', '--json']))
    const words = ['authorization', '--url', as.issuer, '--client-id', client.client_id, '--resource', examples.Hono.resource]
    let visit
    result = await runSuite([...words, '--port', String(port)], (output) => {
      const asked = output.match(/^http:\S+\/authorize\?\S+$/m)
      if (asked && /Callback server started/.test(output)) visit ??= new Browser(PERSON).authorize(new URL(asked[0]), redirectUri)
    })
    await visit
  })

  test('its metadata is complete, client id metadata documents included', () => {
    const checks = result.scenarios['authorization-server-metadata-endpoint']
    assert.deepEqual(complaints(checks), [])
    assert.deepEqual(passed(checks), ['authorization-server-metadata', 'authorization-server-metadata-cimd'])
  })

  test('a code is given to who asked for it, and redeemed', () => {
    const checks = result.scenarios['authorization-code-grant']
    assert.deepEqual(complaints(checks), [])
    assert.deepEqual(passed(checks), ['authorization-code-grant'])
  })

  test('the suite says so itself', () => {
    assert.equal(result.code, 0, result.output)
  })
})

/** The suite has no token to send: what stands before the example adds it. */
async function listenWithToken(example, token) {
  const server = createServer((incoming, response) => {
    const headers = { ...incoming.headers, authorization: `Bearer ${token}` }
    const onward = request(`${example.url}${incoming.url}`, { method: incoming.method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    incoming.pipe(onward)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function throughTheMiddleware(name) {
  let callback
  let program
  let server

  before(async () => {
    callback = await listenForCallback()
    program = new Program('@modelcontextprotocol/client', examples[name].resource, new Browser(PERSON), callback.redirectUri)
    await program.connectFromNothing()
    server = await listenWithToken(examples[name], program.tokens.access_token)
  })

  after(async () => {
    server.closeAllConnections()
    server.close()
    await program.close()
    callback.stop()
  })

  for (const scenario of SERVER_SCENARIOS) {
    test(scenario, async () => {
      const url = `http://localhost:${server.address().port}/mcp`
      const { code, output, scenarios } = await runSuite(['server', '--url', url, '--scenario', scenario])
      const checks = scenarios[scenario]
      assert.deepEqual(complaints(checks), [], output)
      assert.ok(passed(checks).length > 0, output)
      assert.equal(code, 0, output)
    })
  }
}

for (const name of EXAMPLES) describe(`the ${name} example behind our middleware`, () => throughTheMiddleware(name))
