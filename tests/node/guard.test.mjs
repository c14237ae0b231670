import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Guard, PASS, version } from 'auth-agent-mcp-core'
import { RESOURCE } from '../support/fake_as.mjs'
import { guardOf, header, judge, request, withAs } from './support.mjs'

const METADATA = 'https://files.example.com/.well-known/oauth-protected-resource/mcp'

/** What constructing with these options throws. */
function refusal(options) {
  try {
    new Guard(typeof options === 'string' ? options : JSON.stringify(options)).close()
  } catch (error) {
    return error
  }
  return undefined
}

test('the version is the one of the package', () => assert.match(version, /^\d+\.\d+\.\d+$/))

test('a good token gives a principal with everything that was said of it', async () => {
  await withAs(async (as) => {
    const exp = Math.floor(Date.now() / 1000) + 600
    as.grant('good', { scope: 'files:read files:write', exp })
    const verdict = await judge(guardOf(as), 'good')
    assert.equal(verdict.kind, 'principal')
    const { claims, ...rest } = verdict
    assert.deepEqual(rest, {
      kind: 'principal',
      id: 'usr_0001',
      email: 'ada@example.com',
      name: 'Ada Lovelace',
      clientId: 'cl_0001',
      issuer: as.issuer,
      resource: RESOURCE,
      scopes: ['files:read', 'files:write'],
      expiresAt: exp,
    })
    assert.equal(claims.sub, 'usr_0001')
    assert.equal(claims.active, true)
  })
})

test('what the authorization server does not say is undefined', async () => {
  await withAs(async (as) => {
    as.grant('good', { email: undefined, name: undefined })
    const verdict = await judge(guardOf(as), 'good')
    assert.equal(verdict.kind, 'principal')
    assert.equal(verdict.email, undefined)
    assert.equal(verdict.name, undefined)
    assert.equal(verdict.id, 'usr_0001')
  })
})

test('texts outside of ASCII arrive whole', async () => {
  await withAs(async (as) => {
    as.grant('good', { name: 'Žofie 🦊 Müller', email: 'žofie@example.com' })
    const verdict = await judge(guardOf(as), 'good')
    assert.equal(verdict.name, 'Žofie 🦊 Müller')
    assert.equal(verdict.claims.name, 'Žofie 🦊 Müller')
    assert.equal(verdict.email, 'žofie@example.com')
  })
})

test('a second check is answered at once, by the same frozen object, without a call', async () => {
  await withAs(async (as) => {
    const guard = guardOf(as)
    as.grant('good', { address: { street: 'Main' }, groups: ['a', { deep: 1 }] })
    const first = await judge(guard, 'good')
    assert.equal(guard.check('GET', '/files', 'Bearer good'), first)
    assert.equal(guard.check('POST', '/other', 'Bearer good'), first)
    assert.equal(as.introspections, 1)
    for (const part of [first, first.scopes, first.claims, first.claims.address, first.claims.groups, first.claims.groups[1]]) {
      assert.ok(Object.isFrozen(part))
    }
  })
})

test('a claim called __proto__ is a member, not a prototype', async () => {
  await withAs(async (as) => {
    as.tokens.set('good', () => undefined)
    as.misbehave = (_request, response) => {
      const exp = Math.floor(Date.now() / 1000) + 60
      response.setHeader('content-type', 'application/json')
      response.end(`{"active":true,"sub":"u","scope":"files:read","aud":"${RESOURCE}","exp":${exp},"__proto__":{"admin":true}}`)
    }
    const verdict = await judge(guardOf(as), 'good')
    assert.equal(verdict.kind, 'principal')
    assert.equal(verdict.claims.admin, undefined)
    assert.deepEqual(Object.getPrototypeOf(verdict.claims), Object.prototype)
  })
})

test('no token is 401 with a challenge that names the metadata and no error', async () => {
  await withAs(async (as) => {
    const verdict = await judge(guardOf(as), undefined)
    assert.equal(verdict.kind, 'answer')
    assert.equal(verdict.code, 'TOKEN_ABSENT')
    assert.equal(verdict.status, 401)
    assert.equal(header(verdict, 'www-authenticate'), `Bearer scope="files:read", resource_metadata="${METADATA}"`)
    assert.equal(as.introspections, 0)
  })
})

test('a token that is not active is 401 invalid_token', async () => {
  await withAs(async (as) => {
    const verdict = await judge(guardOf(as), 'unknown')
    assert.equal(verdict.status, 401)
    assert.equal(verdict.code, 'TOKEN_INACTIVE')
    assert.match(header(verdict, 'www-authenticate'), /^Bearer error="invalid_token", /)
  })
})

test('a token for another server is 401, one for ours is let in', async () => {
  await withAs(async (as) => {
    const guard = guardOf(as)
    as.grant('theirs', { aud: 'https://elsewhere.example.com/mcp' })
    as.grant('both', { aud: ['https://elsewhere.example.com/mcp', RESOURCE] })
    assert.equal((await judge(guard, 'theirs')).code, 'TOKEN_AUDIENCE')
    assert.equal((await judge(guard, 'both')).kind, 'principal')
  })
})

test('active must be the literal true', async () => {
  await withAs(async (as) => {
    const guard = guardOf(as)
    as.grant('text', { active: 'true' })
    as.grant('good')
    assert.equal((await judge(guard, 'text')).status, 503)
    assert.equal((await judge(guard, 'good')).kind, 'principal')
  })
})

test('a missing scope is 403 with all scopes of the operation', async () => {
  await withAs(async (as) => {
    as.grant('poor', { scope: 'other' })
    const verdict = await judge(guardOf(as, { required_scopes: ['files:read', 'files:list'] }), 'poor')
    assert.equal(verdict.status, 403)
    assert.match(header(verdict, 'www-authenticate'), /^Bearer error="insufficient_scope", scope="files:read files:list", /)
  })
})

test('checkScopes asks for more than the app does', async () => {
  await withAs(async (as) => {
    const guard = guardOf(as)
    as.grant('reader')
    as.grant('writer', { scope: 'files:read files:write' })
    const reader = await judge(guard, 'reader')
    const writer = await judge(guard, 'writer')
    assert.equal(guard.checkScopes(writer, 'files:write'), writer)
    const refused = guard.checkScopes(reader, 'files:write')
    assert.equal(refused.status, 403)
    assert.match(header(refused, 'www-authenticate'), /scope="files:read files:write"/)
    assert.equal(guard.checkScopes(undefined, 'files:write').status, 401)
  })
})

test('checkScopes takes only what a guard gave', async () => {
  await withAs(async (as) => {
    const guard = guardOf(as)
    as.grant('writer', { scope: 'files:read files:write' })
    const writer = await judge(guard, 'writer')
    const invalid = { code: 'INVALID_ARGUMENT' }
    for (const forged of [{ ...writer }, structuredClone({ ...writer }), {}, [], 'files:write', 1, guard, Object.create(writer)]) {
      assert.throws(() => guard.checkScopes(forged, 'files:write'), invalid)
    }
    assert.throws(() => guard.checkScopes(writer, ['files:write']), invalid)
    assert.equal(guard.checkScopes(writer, 'files:write'), writer)
  })
})

test('public paths and preflights pass, exactly and alone', async () => {
  await withAs(async (as) => {
    const guard = guardOf(as, { public_paths: ['/health'] })
    assert.equal(guard.check('GET', '/health'), PASS)
    assert.equal(guard.check('OPTIONS', '/files', undefined, 'https://app.example.com', 'PUT'), PASS)
    for (const path of ['/health/', '//health', '/Health', '/health\u0000', '/health?x', '/heálth', '/health/../files']) {
      assert.notEqual((await judge(guard, undefined, { path })).kind, 'pass', path)
    }
    assert.equal((await judge(guard, undefined, { method: 'OPTIONS' })).status, 401)
  })
})

test('a path that is longer than the room for texts is judged whole', async () => {
  await withAs(async (as) => {
    for (const len of [12 * 1024 - 8, 12 * 1024 - 4, 12 * 1024 - 1, 12 * 1024, 20000]) {
      const long = `/${'a'.repeat(len)}`
      const guard = guardOf(as, { public_paths: ['/short'] })
      assert.equal(guard.check('GET', '/short').kind, 'pass')
      assert.equal((await judge(guard, undefined, { path: `${long}é` })).status, 401)
      guard.close()
    }
  })
})

test('a long token is told from its own beginning', async () => {
  await withAs(async (as) => {
    const guard = guardOf(as)
    const long = 't'.repeat(8000)
    as.grant(long)
    assert.equal((await judge(guard, long)).kind, 'principal')
    assert.equal(guard.check('GET', '/files', `Bearer ${long}`).kind, 'principal')
    assert.equal((await judge(guard, `${long}x`)).status, 401)
    assert.equal((await judge(guard, 't'.repeat(20000))).code, 'TOKEN_FORMAT')
  })
})

test('two credentials and a malformed header are 400', async () => {
  await withAs(async (as) => {
    as.grant('good')
    const guard = guardOf(as)
    assert.equal((await judge(guard, undefined, { authorization: 'Bearer good, Bearer good' })).code, 'CREDENTIALS_DUPLICATE')
    assert.equal((await judge(guard, undefined, { authorization: 'Bearer' })).code, 'CREDENTIALS_MALFORMED')
    assert.equal((await judge(guard, undefined, { authorization: 'bearer good' })).kind, 'principal')
  })
})

test('the RFC 9728 document is served at both forms', async () => {
  await withAs(async (as) => {
    const guard = guardOf(as)
    for (const path of ['/.well-known/oauth-protected-resource', '/.well-known/oauth-protected-resource/mcp']) {
      const verdict = await judge(guard, undefined, { path })
      assert.equal(verdict.status, 200)
      assert.equal(verdict.code, 'OK')
      const document = JSON.parse(verdict.body)
      assert.equal(document.resource, RESOURCE)
      assert.deepEqual(document.authorization_servers, [as.issuer])
    }
    const head = await judge(guard, undefined, { method: 'HEAD', path: '/.well-known/oauth-protected-resource' })
    assert.equal(head.status, 200)
    assert.equal(head.body, '')
  })
})

test('a tool policy wants the body of a POST, and judges by it', async () => {
  await withAs(async (as) => {
    const guard = guardOf(as, { tools: { write_file: ['files:write'] }, max_body: 1000 })
    const call = (name) => JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: {} } })
    const post = (body) => ({ method: 'POST', path: '/mcp', contentType: 'application/json', body })
    as.grant('reader')
    assert.equal(guard.wantsBody('POST'), true)
    assert.equal(guard.wantsBody('GET'), false)
    assert.equal(guard.maxBody, 1000)
    assert.equal((await judge(guard, 'reader', post(call('read_file')))).kind, 'principal')
    assert.equal((await judge(guard, 'reader', post(call('write_file')))).code, 'SCOPE_INSUFFICIENT')
    assert.equal((await judge(guard, 'reader', post(new TextEncoder().encode(call('write_file'))))).code, 'SCOPE_INSUFFICIENT')
    assert.equal((await judge(guard, 'reader', post(new TextEncoder().encode(call('read_file'))))).kind, 'principal')
    assert.equal((await judge(guard, 'reader', post(undefined))).kind, 'answer')
    assert.equal(guard.check('POST', '/mcp', 'Bearer reader').kind, 'answer')
    assert.equal(guard.refuseBody().status, 413)
  })
})

test('an outage is 503 with Retry-After, cached tokens go on, and it recovers by itself', async () => {
  await withAs(async (as) => {
    const guard = guardOf(as)
    as.grant('known')
    as.grant('new')
    assert.equal((await judge(guard, 'known')).kind, 'principal')
    await as.stop()
    const outage = await judge(guard, 'new')
    assert.equal(outage.status, 503)
    assert.match(header(outage, 'retry-after'), /^\d+$/)
    assert.equal(header(outage, 'www-authenticate'), undefined)
    assert.equal((await judge(guard, 'known')).kind, 'principal')
    await as.restart()
    const deadline = Date.now() + 20000
    let verdict = outage
    while (verdict.kind !== 'principal' && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      verdict = await judge(guard, 'new')
    }
    assert.equal(verdict.kind, 'principal')
  })
})

test('wrong options throw at construction and say which', () => {
  const good = { server_id: 'srv_1', api_key: 'sk_1', auth_server: 'http://127.0.0.1:1' }
  assert.equal(refusal(good), undefined)
  const cases = [
    [{ ...good, sever_id: 'x' }, 'OPTION_UNKNOWN', /sever_id.*server_id/],
    [{ ...good, cache_ttl: 'soon' }, 'OPTION_INVALID', /cache_ttl/],
    [{ ...good, auth_server: 'http://evil.example.com' }, 'OPTION_INVALID', /auth_server/],
    [{ auth_server: good.auth_server, api_key: 'sk_1' }, 'OPTION_MISSING', /server_id/],
    ['not json', 'OPTION_INVALID', /JSON/],
    ['[]', 'OPTION_INVALID', /JSON/],
  ]
  for (const [options, code, message] of cases) {
    const error = refusal(options)
    assert.ok(error instanceof Error)
    assert.equal(error.code, code)
    assert.match(error.message, message)
  }
})

test('a secret is in no error', () => {
  const error = refusal({ server_id: 'srv_1', api_key: 'sk_verysecret', cache_ttl: -1 })
  assert.equal(error.code, 'OPTION_INVALID')
  assert.doesNotMatch(`${error.message} ${error.stack}`, /verysecret/)
})

test('wrong arguments throw and carry a code', async () => {
  await withAs(async (as) => {
    const guard = guardOf(as)
    const invalid = { code: 'INVALID_ARGUMENT' }
    assert.throws(() => new Guard(), invalid)
    assert.throws(() => new Guard({}), invalid)
    assert.throws(() => guard.check(), invalid)
    assert.throws(() => guard.check('GET', 1), invalid)
    assert.throws(() => guard.check('GET', '/', 7), invalid)
    assert.throws(() => guard.checkRequest(), invalid)
    assert.throws(() => guard.checkRequest({ method: 'GET' }), invalid)
    assert.throws(() => guard.checkRequest(request('x', { body: 5 })), invalid)
    assert.throws(() => guard.checkRequest(request('x', { body: new Float64Array(2) })), invalid)
    assert.throws(() => Guard.prototype.check.call({}, 'GET', '/'), TypeError)
    assert.throws(() => Guard.prototype.check.call(Object.create(Guard.prototype), 'GET', '/'), TypeError)
    assert.throws(() => Guard.prototype.stats.call(undefined), TypeError)
    await assert.rejects(guard.authorize({}), invalid)
  })
})

test('a getter that throws reaches the caller', async () => {
  await withAs(async (as) => {
    const trap = {
      get method() {
        throw new RangeError('mine')
      },
    }
    assert.throws(() => guardOf(as).checkRequest(trap), { name: 'RangeError', message: 'mine' })
  })
})

test('a getter that closes the guard under its own request is answered with CLOSED, not with a crash', async () => {
  await withAs(async (as) => {
    const guard = guardOf(as)
    as.grant('good')
    assert.equal((await judge(guard, 'good')).kind, 'principal')
    const trap = { ...request('good') }
    Object.defineProperty(trap, 'body', { get: () => guard.close() })
    assert.throws(() => guard.checkRequest(trap), { code: 'CLOSED' })
    await assert.rejects(guard.authorize(trap), { code: 'CLOSED' })
  })
})

test('a second copy of the package shares the addon and works as well', async () => {
  await withAs(async (as) => {
    const again = await import('../../node/index.js?again')
    assert.notEqual(again.Guard, Guard)
    as.grant('good')
    const guard = new again.Guard(JSON.stringify(as.options()))
    assert.equal((await judge(guard, 'good')).kind, 'principal')
    assert.equal((await judge(guardOf(as), 'good')).kind, 'principal')
  })
})

test('stats count what happened', async () => {
  await withAs(async (as) => {
    const guard = guardOf(as)
    as.grant('good')
    await judge(guard, 'good')
    guard.check('GET', '/', 'Bearer good')
    await judge(guard, 'bad')
    const stats = guard.stats()
    assert.equal(stats.introspections, 2)
    assert.equal(stats.entries, 1)
    assert.equal(stats.negativeEntries, 1)
    assert.ok(stats.hits >= 1)
    assert.deepEqual([...new Set(Object.values(stats).map((value) => typeof value))], ['number'])
  })
})
