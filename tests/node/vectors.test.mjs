// The verdicts that C, Python and Node must agree on, byte for byte: tests/vectors/guard.json tells how it is read.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { test } from 'node:test'
import { Guard } from 'auth-agent-mcp-core'

const vectors = JSON.parse(readFileSync(new URL('../vectors/guard.json', import.meta.url), 'utf8'))

const REQUEST_NAMES = {
  preflight_method: 'preflightMethod',
  content_type: 'contentType',
  mcp_protocol_version: 'mcpProtocolVersion',
  mcp_method: 'mcpMethod',
  mcp_name: 'mcpName',
}

/** Members of a principal that are written otherwise here: their names, and what the vectors' value becomes. */
const PRINCIPAL = {
  client_id: ['clientId', (value) => value],
  scope: ['scopes', (value) => (value ?? '').split(' ').filter((scope) => scope !== '')],
  expires_at: ['expiresAt', (value) => (value === 0 ? null : value)],
}

function withIssuer(value, issuer) {
  return JSON.parse(JSON.stringify(value).replaceAll('{issuer}', issuer))
}

/** Plays the authorization server of one case; counts the introspections. */
async function play(vector) {
  const self = { introspections: 0 }
  const server = createServer((request, response) => {
    const answer = answers[new URL(request.url, self.issuer).pathname]?.() ?? { status: 404, body: {} }
    const body = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body)
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers })
    response.end(body)
  })
  const answers = {
    '/.well-known/oauth-authorization-server': () => ({
      status: 200,
      body: { issuer: self.issuer, introspection_endpoint: `${self.issuer}/introspect` },
    }),
    '/jwks.json': () => vector.jwks && { status: 200, body: vector.jwks === 'default' ? vectors.jwks : vector.jwks },
    '/introspect': () => {
      self.introspections++
      return vector.introspection && withIssuer(vector.introspection, self.issuer)
    },
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  self.issuer = `http://127.0.0.1:${server.address().port}`
  self.stop = async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
  return self
}

async function verdictOn(vector, issuer) {
  const options = withIssuer({ ...vectors.options, ...vector.options }, issuer)
  const members = Object.entries(withIssuer({ ...vectors.request, ...vector.request }, issuer))
  const request = Object.fromEntries(members.map(([name, value]) => [REQUEST_NAMES[name] ?? name, value ?? undefined]))
  const guard = new Guard(JSON.stringify(options))
  try {
    return guard.checkRequest(request) ?? (await guard.authorize(request))
  } finally {
    guard.close()
  }
}

const isExpected = {
  pass: (verdict) => assert.equal(verdict.kind, 'pass'),
  answer: (verdict, expected) => {
    assert.equal(verdict.kind, 'answer')
    const { code, status, body } = verdict
    const headers = Object.fromEntries(verdict.headers)
    assert.equal(verdict.headers.length, Object.keys(headers).length, 'a header twice')
    assert.deepEqual({ kind: 'answer', code, status, headers, body }, expected)
  },
  allow: (verdict, expected) => {
    assert.equal(verdict.kind, 'principal', JSON.stringify(verdict))
    for (const [name, value] of Object.entries(expected.principal ?? {})) {
      const [ours, convert] = PRINCIPAL[name] ?? [name, (same) => same]
      assert.deepEqual(verdict[ours] ?? null, convert(value), name)
    }
  },
}

for (const vector of vectors.cases) {
  test(vector.name, async () => {
    const server = await play(vector)
    const isUnreachable = vector.introspection === 'unreachable'
    if (isUnreachable) await server.stop()
    try {
      const verdict = await verdictOn(vector, server.issuer)
      isExpected[vector.expected.kind](verdict, withIssuer(vector.expected, server.issuer))
      if (vector.introspection === undefined) assert.equal(server.introspections, 0, 'it was asked')
    } finally {
      if (!isUnreachable) await server.stop()
    }
  })
}
