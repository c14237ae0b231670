import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { AuthAgentError, authAgentMiddleware } from 'auth-agent-mcp-sdk'

const GOOD = { serverId: 'srv_1', apiKey: 'sk_1', authServerUrl: 'http://127.0.0.1:1' }

function refusal(options) {
  try {
    authAgentMiddleware(options)
  } catch (error) {
    return error
  }
  return undefined
}

test('good options are accepted, every one of them', () => {
  const all = {
    ...GOOD,
    requiredScopes: ['files:read'],
    publicPaths: ['/health'],
    cacheTtl: 30,
    cacheSize: 100,
    resource: 'https://files.example.com/mcp',
    tools: { write_file: ['files:write'] },
    mode: 'introspection',
    introspectionEndpoint: 'http://127.0.0.1:1/introspect',
    jwksUri: 'http://127.0.0.1:1/jwks',
    connectTimeout: 1,
    timeout: 2.5,
    maxBody: 1000,
    resourceName: 'Files',
    scopesSupported: ['files:read'],
    caFile: '/etc/ssl/certs/ca-certificates.crt',
    proxy: undefined,
    checkAudience: true,
  }
  assert.equal(refusal(all), undefined)
  assert.equal(refusal({ ...GOOD, resource: undefined }), undefined)
})

test('every option of the core has a name here', () => {
  const header = readFileSync(new URL('../../core/src/verify/options.c', import.meta.url), 'utf8')
  const core = [...header.matchAll(/^ {4}\{"(\w+)", [A-Z]+, AT\(/gm)].map(([, name]) => name).sort()
  const source = readFileSync(new URL('../../hono-adapter/src/options.ts', import.meta.url), 'utf8')
  const table = source.match(/const CORE_NAMES[^{]*\{[^}]*\} = \{([^}]*)\}/)[1]
  const ours = [...table.matchAll(/: '(\w+)'/g)].map(([, name]) => name).sort()
  assert.ok(core.length > 10)
  assert.deepEqual(ours, core)
})

test('a wrong option throws when the middleware is made, in the name that was written', () => {
  const cases = [
    [{ ...GOOD, cacheTtl: -1 }, 'OPTION_INVALID', /\bcacheTtl\b/],
    [{ ...GOOD, requiredScopes: 'files:read' }, 'OPTION_INVALID', /\brequiredScopes\b/],
    [{ ...GOOD, authServerUrl: 'http://auth.example.com' }, 'OPTION_INVALID', /\bauthServerUrl\b/],
    [{ ...GOOD, tools: { x: 'files:write' } }, 'OPTION_INVALID', /\btools\b/],
    [{ ...GOOD, mode: 'none' }, 'OPTION_INVALID', /\bmode\b/],
    [{ ...GOOD, checkAudience: 'no' }, 'OPTION_INVALID', /\bcheckAudience\b/],
    [{ ...GOOD, serverId: undefined }, 'OPTION_MISSING', /\bserverId\b/],
    [{ ...GOOD, apiKey: undefined }, 'OPTION_MISSING', /\bapiKey\b/],
    [{ ...GOOD, serverID: 'x' }, 'OPTION_UNKNOWN', /serverID.*\bserverId\b/],
    [{ ...GOOD, required_scopes: ['x'] }, 'OPTION_UNKNOWN', /required_scopes.*\brequiredScopes\b/],
    [{ ...GOOD, auth_server: 'http://127.0.0.1:1' }, 'OPTION_UNKNOWN', /auth_server.*\bauthServerUrl\b/],
  ]
  for (const [options, code, message] of cases) {
    const error = refusal(options)
    assert.ok(error instanceof AuthAgentError, `${JSON.stringify(options)} was accepted`)
    assert.equal(error.code, code)
    assert.match(error.message, message)
    assert.doesNotMatch(error.message.replace(/there is no option \w+/, ''), /[a-z]_[a-z]/, 'a name of the core shows')
  }
})

test('what JSON would lose without a word is refused', () => {
  for (const value of [NaN, Infinity, () => 60, Symbol('60'), 60n]) {
    const error = refusal({ ...GOOD, cacheTtl: value })
    assert.equal(error?.code, 'OPTION_INVALID')
    assert.match(error.message, /cacheTtl/)
  }
})

test('a secret is in no error', () => {
  const error = refusal({ ...GOOD, apiKey: 'sk_verysecret', cacheTtl: -1 })
  assert.equal(error.code, 'OPTION_INVALID')
  assert.doesNotMatch(JSON.stringify([error, error.message, error.stack, String(error.cause)]), /verysecret/)
})

test('the adapter imports nothing of node at the top level', () => {
  const files = ['error', 'index', 'middleware', 'options', 'request', 'user', 'verifier']
  for (const file of files) {
    const source = readFileSync(new URL(`../../hono-adapter/src/${file}.ts`, import.meta.url), 'utf8')
    assert.doesNotMatch(source, /from 'node:|import\('node:|require\(|\bany\b/, file)
  }
})
