// The token verifier in the hands of the official SDKs, both generations.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { OAuthError, requireBearerAuth as requireBearerAuthV2 } from '@modelcontextprotocol/server'
import { OAUTH_ERRORS } from '@modelcontextprotocol/sdk/server/auth/errors.js'
import { requireBearerAuth as requireBearerAuthV1 } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js'
import { AuthAgentError, tokenVerifier } from 'auth-agent-mcp-sdk'
import express from 'express'
import { RESOURCE } from '../support/fake_as.mjs'
import { bearer, options, withAs } from './support.mjs'

const v2 = (code, message) => new OAuthError(code, message)
const v1 = (code, message) => new OAUTH_ERRORS[code](message)

test('a good token becomes AuthInfo with an expiry and a resource', async () => {
  await withAs(async (as) => {
    as.grant('good', { exp: 4000000000 })
    const info = await tokenVerifier(options(as), v2).verifyAccessToken('good')
    assert.deepEqual(
      { ...info, extra: info.extra.sub },
      { token: 'good', clientId: 'cl_0001', scopes: ['files:read'], expiresAt: 4000000000, resource: new URL(RESOURCE), extra: 'usr_0001' },
    )
  })
})

test('the SDK of 2026 answers with it: 200, 401, 403', async () => {
  await withAs(async (as) => {
    as.grant('good')
    as.grant('poor', { scope: 'other' })
    const gate = requireBearerAuthV2({ verifier: tokenVerifier(options(as), v2), expectedResource: new URL(RESOURCE) })
    const ask = (token) => gate(new Request('http://localhost/mcp', { headers: bearer(token) }))
    assert.equal((await ask('good')).clientId, 'cl_0001')
    assert.equal((await ask('bad')).status, 401)
    assert.equal((await ask('poor')).status, 403)
    assert.match((await ask('bad')).headers.get('www-authenticate'), /invalid_token/)
  })
})

test('the SDK v1 answers with it: 200, 401, 403', async () => {
  await withAs(async (as) => {
    as.grant('good')
    as.grant('poor', { scope: 'other' })
    const app = express()
    app.get('/', requireBearerAuthV1({ verifier: tokenVerifier(options(as), v1) }), (request, response) => response.json(request.auth))
    const server = createServer(app).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const ask = (token) => fetch(`http://127.0.0.1:${server.address().port}/`, { headers: bearer(token) })
    try {
      assert.equal((await (await ask('good')).json()).clientId, 'cl_0001')
      assert.equal((await ask('bad')).status, 401)
      assert.equal((await ask('poor')).status, 403)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })
})

test('an outage is no invalid token', async () => {
  await withAs(async (as) => {
    as.grant('good')
    const verifier = tokenVerifier(options(as), v2)
    assert.equal((await verifier.verifyAccessToken('good')).token, 'good')
    await as.stop()
    await assert.rejects(verifier.verifyAccessToken('new'), (error) => error instanceof AuthAgentError && /^REMOTE_/.test(error.code))
    assert.equal((await verifier.verifyAccessToken('good')).token, 'good')
  })
})

test('a token is a token, and nothing that could be more than one', async () => {
  await withAs(async (as) => {
    as.grant('good')
    const verifier = tokenVerifier(options(as), v2)
    for (const wrong of ['', 'good, Bearer good', 'good good', 'gööd', 'good\u0000']) {
      await assert.rejects(verifier.verifyAccessToken(wrong), (error) => error.code === 'invalid_token', JSON.stringify(wrong))
    }
    assert.equal((await verifier.verifyAccessToken('good')).token, 'good')
  })
})
