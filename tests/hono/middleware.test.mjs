import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authAgentMiddleware, authInfo, requireScopes } from 'auth-agent-mcp-sdk'
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { requestId } from 'hono/request-id'
import { streamSSE } from 'hono/streaming'
import { RESOURCE } from '../support/fake_as.mjs'
import { appOf, bearer, METADATA_URL, options, whole, withAs } from './support.mjs'

const JSON_REFUSAL = { 'content-type': 'application/json', 'cache-control': 'no-store' }

test('three lines protect an app and name the user', async () => {
  await withAs(async (as) => {
    as.grant('good')
    const app = new Hono()
    app.use('*', authAgentMiddleware({ ...options(as) }))
    app.get('/', (c) => c.text(c.get('user').email))
    assert.equal(await (await app.request('/', { headers: bearer('good') })).text(), 'ada@example.com')
    assert.equal((await app.request('/')).status, 401)
  })
})

test('options that are left out come from the environment', async () => {
  await withAs(async (as) => {
    const { serverId, apiKey, authServerUrl } = options(as)
    const names = { AUTH_AGENT_SERVER_ID: serverId, AUTH_AGENT_API_KEY: apiKey, AUTH_AGENT_AUTH_SERVER: authServerUrl }
    Object.assign(process.env, names)
    try {
      const app = new Hono().use(authAgentMiddleware())
      as.grant('good', { scope: undefined })
      app.get('/', (c) => c.text('in'))
      assert.equal((await app.request('/', { headers: bearer('good') })).status, 200)
      assert.equal((await app.request('/', { headers: bearer('bad') })).status, 401)
    } finally {
      for (const name of Object.keys(names)) delete process.env[name]
    }
  })
})

test('the user has everything the authorization server said', async () => {
  await withAs(async (as) => {
    as.grant('good', { exp: 4000000000, team: 'blue' })
    let user
    const app = appOf(as, {}, (app) => app.get('/', (c) => ((user = c.get('user')), c.text('ok'))))
    await app.request('/', { headers: bearer('good') })
    const { id, email, name, scopes, clientId, resource, expiresAt, claims } = user
    assert.deepEqual(
      { id, email, name, scopes, clientId, resource, expiresAt, team: claims.team },
      {
        id: 'usr_0001',
        email: 'ada@example.com',
        name: 'Ada Lovelace',
        scopes: ['files:read'],
        clientId: 'cl_0001',
        resource: RESOURCE,
        expiresAt: 4000000000,
        team: 'blue',
      },
    )
    assert.throws(() => (user.email = 'eve@example.com'), TypeError)
    assert.throws(() => user.scopes.push('files:write'), TypeError)
  })
})

// ---- refusals -----------------------------------------------------------------------------------------------------

test('without a token: 401, a challenge without error', async () => {
  await withAs(async (as) => {
    const { status, headers } = await whole(await appOf(as).request('/'))
    assert.equal(status, 401)
    assert.deepEqual(headers, {
      ...JSON_REFUSAL,
      'www-authenticate': `Bearer scope="files:read", resource_metadata="${METADATA_URL}"`,
    })
  })
})

test('a bad token: 401 invalid_token, description last', async () => {
  await withAs(async (as) => {
    const { status, headers, body } = await whole(await appOf(as).request('/', { headers: bearer('bad') }))
    assert.equal(status, 401)
    assert.deepEqual(headers, {
      ...JSON_REFUSAL,
      'www-authenticate':
        `Bearer error="invalid_token", scope="files:read", resource_metadata="${METADATA_URL}", ` +
        'error_description="The access token is expired or revoked"',
    })
    assert.equal(JSON.parse(body).error, 'invalid_token')
  })
})

test('a scope is missing: 403 with every scope of the route', async () => {
  await withAs(async (as) => {
    as.grant('reader')
    as.grant('writer', { scope: 'files:read files:write' })
    const app = appOf(as, {}, (app) => app.put('/f', requireScopes('files:write'), (c) => c.text('saved')))
    const put = (token) => app.request('/f', { method: 'PUT', headers: bearer(token) })
    const { status, headers } = await whole(await put('reader'))
    assert.equal(status, 403)
    assert.equal(
      headers['www-authenticate'],
      `Bearer error="insufficient_scope", scope="files:read files:write", resource_metadata="${METADATA_URL}", ` +
        'error_description="More scopes are required"',
    )
    assert.equal(await (await put('writer')).text(), 'saved')
  })
})

test('two credentials: 400, and the handler is not called', async () => {
  await withAs(async (as) => {
    as.grant('good')
    const headers = new Headers()
    headers.append('authorization', 'Bearer good')
    headers.append('authorization', 'Bearer good')
    const refused = await whole(await appOf(as).request('/', { headers }))
    assert.equal(refused.status, 400)
    assert.match(refused.headers['www-authenticate'], /^Bearer error="invalid_request"/)
    assert.equal((await appOf(as).request('/', { headers: bearer('good') })).status, 200)
  })
})

test('an outage: 503 and Retry-After, no challenge; a known token goes on', async () => {
  await withAs(async (as) => {
    as.grant('known')
    const app = appOf(as)
    assert.equal((await app.request('/', { headers: bearer('known') })).status, 200)
    await as.stop()
    const { status, headers } = await whole(await app.request('/', { headers: bearer('new') }))
    assert.equal(status, 503)
    assert.deepEqual(headers, { ...JSON_REFUSAL, 'retry-after': '5' })
    assert.equal((await app.request('/', { headers: bearer('known') })).status, 200)
  })
})

test('a key of ours that is refused is our trouble: 503', async () => {
  await withAs(async (as) => {
    as.grant('good')
    const bad = await appOf(as, { apiKey: 'sk_wrong', resource: RESOURCE }).request('/', { headers: bearer('good') })
    assert.equal(bad.status, 503)
    assert.equal(bad.headers.get('www-authenticate'), null)
    assert.equal((await appOf(as, { resource: RESOURCE }).request('/', { headers: bearer('good') })).status, 200)
  })
})

test('HEAD is refused without a body', async () => {
  await withAs(async (as) => {
    as.grant('good')
    const app = appOf(as, {}, (app) => app.get('/', (c) => c.text('x')))
    const refused = await whole(await app.request('/', { method: 'HEAD' }))
    assert.equal(refused.status, 401)
    assert.equal(refused.body, '')
    assert.match(refused.headers['www-authenticate'], /^Bearer /)
    assert.equal((await app.request('/', { method: 'HEAD', headers: bearer('good') })).status, 200)
  })
})

test("an app's onError cannot lose the challenge", async () => {
  await withAs(async (as) => {
    const app = appOf(as)
    let called = 0
    app.onError((_error, c) => {
      called++
      return c.json({ error: 'mine' }, 500)
    })
    const { status, headers } = await whole(await app.request('/'))
    assert.equal(status, 401)
    assert.match(headers['www-authenticate'], /^Bearer scope=/)
    assert.equal(called, 0)
  })
})

test('middleware outside adds its headers to refusals, and sees their status', async () => {
  await withAs(async (as) => {
    const app = new Hono()
    const seen = []
    app.use(requestId())
    app.use(async (c, next) => {
      c.header('x-before', '1')
      await next()
      seen.push(c.res.status)
      c.header('x-after', '2')
    })
    app.use(cors({ origin: 'https://app.example.com', credentials: true }))
    app.use(authAgentMiddleware(options(as)))
    app.get('/', (c) => c.text('x'))
    const { status, headers } = await whole(await app.request('/', { headers: { origin: 'https://app.example.com' } }))
    assert.equal(status, 401)
    assert.deepEqual(seen, [401])
    assert.equal(headers['x-before'], '1')
    assert.equal(headers['x-after'], '2')
    assert.ok(headers['x-request-id'])
    assert.equal(headers['access-control-allow-origin'], 'https://app.example.com')
    assert.match(headers['www-authenticate'], /^Bearer /)
  })
})

test('a browser can read the challenge', async () => {
  await withAs(async (as) => {
    const { headers } = await whole(await appOf(as).request('/', { headers: { origin: 'https://app.example.com' } }))
    assert.equal(headers['access-control-allow-origin'], '*')
    assert.match(headers['access-control-expose-headers'], /WWW-Authenticate/i)
  })
})

// ---- what is let through ------------------------------------------------------------------------------------------

test('a CORS preflight passes to the app, another OPTIONS does not', async () => {
  await withAs(async (as) => {
    const app = appOf(as, {}, (app) => app.options('*', (c) => c.body(null, 204)))
    const preflight = { origin: 'https://app.example.com', 'access-control-request-method': 'PUT' }
    assert.equal((await app.request('/x', { method: 'OPTIONS', headers: preflight })).status, 204)
    assert.equal((await app.request('/x', { method: 'OPTIONS' })).status, 401)
  })
})

test('the RFC 9728 document is served at both forms, for GET, HEAD and browsers', async () => {
  await withAs(async (as) => {
    const app = appOf(as, { resourceName: 'My files' })
    for (const path of ['/.well-known/oauth-protected-resource', '/.well-known/oauth-protected-resource/mcp']) {
      const { status, headers, body } = await whole(await app.request(`http://evil.example.com${path}`))
      assert.equal(status, 200)
      assert.equal(headers['content-type'], 'application/json')
      assert.equal(headers['access-control-allow-origin'], '*')
      assert.deepEqual(JSON.parse(body), {
        resource: RESOURCE,
        authorization_servers: [as.issuer],
        scopes_supported: ['files:read'],
        bearer_methods_supported: ['header'],
        resource_name: 'My files',
      })
      assert.equal((await app.request(path, { method: 'HEAD' })).status, 200)
    }
    assert.equal((await app.request('/.well-known/oauth-protected-resource/other')).status, 401)
  })
})

test('public paths are exact, on the path that the router matched', async () => {
  await withAs(async (as) => {
    const app = appOf(as, { publicPaths: ['/health'] }, (app) => {
      app.get('/health', (c) => c.text(String(c.get('user'))))
      app.get('*', (c) => c.text('secret'))
    })
    assert.equal(await (await app.request('/health')).text(), 'undefined')
    assert.equal(await (await app.request('/health?x=1')).text(), 'undefined')
    const traps = [
      '/health/',
      '//health',
      '/health//',
      '/health%2F',
      '/health/..%2Fsecret',
      '/%2Fhealth',
      '/HEALTH',
      '/health;x',
      '/health%00',
      '/x/health',
      '/health%3F',
    ]
    for (const trap of traps) assert.equal((await app.request(`http://localhost${trap}`)).status, 401, trap)
    assert.equal((await app.request('http://localhost/secret', { headers: { host: 'localhost/health' } })).status, 401)
    assert.equal((await app.request('http://localhost/x?/health')).status, 401)
    assert.equal((await app.request('http://localhost/x#/health')).status, 401)
  })
})

test('a public path under a base path and in a sub-app is the whole path', async () => {
  await withAs(async (as) => {
    const sub = new Hono().get('/health', (c) => c.text('sub')).get('/secret', (c) => c.text('secret'))
    const app = appOf(as, { publicPaths: ['/api/health'] }, (app) => app.route('/api', sub))
    assert.equal(await (await app.request('/api/health')).text(), 'sub')
    assert.equal((await app.request('/health')).status, 401)
    assert.equal((await app.request('/api/secret')).status, 401)
    const mounted = appOf(as, { publicPaths: ['/health'] }, (app) =>
      app.mount('/inner', (request) => new Response(new URL(request.url).pathname)),
    )
    assert.equal((await mounted.request('/inner/health')).status, 401)
    assert.equal((await mounted.request('/health')).status, 404)
  })
})

test('a token in the query string is no token', async () => {
  await withAs(async (as) => {
    as.grant('good')
    const app = appOf(as)
    assert.equal((await app.request('/?access_token=good')).status, 401)
    assert.equal((await app.request('/', { method: 'POST', body: new URLSearchParams({ access_token: 'good' }) })).status, 401)
    assert.equal((await app.request('/', { headers: bearer('good') })).status, 200)
  })
})

// ---- manners ------------------------------------------------------------------------------------------------------

test("the handler's exception reaches onError as it is", async () => {
  await withAs(async (as) => {
    as.grant('good')
    const thrown = new Error('mine')
    const app = appOf(as, {}, (app) =>
      app.get('/', () => {
        throw thrown
      }),
    )
    let caught
    app.onError((error, c) => {
      caught = error
      return c.text('handled', 418)
    })
    assert.equal((await app.request('/', { headers: bearer('good') })).status, 418)
    assert.equal(caught, thrown)
  })
})

test('a response streams: the first event is there before the last is sent', async () => {
  await withAs(async (as) => {
    as.grant('good')
    let release
    const gate = new Promise((resolve) => (release = resolve))
    const app = appOf(as, {}, (app) =>
      app.get('/', (c) =>
        streamSSE(c, async (stream) => {
          await stream.writeSSE({ data: 'first' })
          await gate
          await stream.writeSSE({ data: 'last' })
        }),
      ),
    )
    const reader = (await app.request('/', { headers: bearer('good') })).body.getReader()
    assert.match(new TextDecoder().decode((await reader.read()).value), /first/)
    release()
    assert.match(new TextDecoder().decode((await reader.read()).value), /last/)
  })
})

test('100 parallel requests with one new token make one introspection', async () => {
  await withAs(async (as) => {
    as.grant('good')
    as.delayMs = 50
    const app = appOf(as)
    const all = await Promise.all(Array.from({ length: 100 }, () => app.request('/', { headers: bearer('good') })))
    assert.deepEqual([...new Set(all.map(({ status }) => status))], [200])
    assert.equal(as.introspections, 1)
  })
})

// ---- requireScopes ------------------------------------------------------------------------------------------------

test('requireScopes takes several scopes, in either spelling', async () => {
  await withAs(async (as) => {
    as.grant('one', { scope: 'files:read a' })
    as.grant('two', { scope: 'files:read a b' })
    const app = appOf(as, {}, (app) => {
      app.get('/list', requireScopes('a', 'b'), (c) => c.text('ok'))
      app.get('/text', requireScopes('a b'), (c) => c.text('ok'))
    })
    for (const path of ['/list', '/text']) {
      assert.equal((await app.request(path, { headers: bearer('one') })).status, 403)
      assert.equal((await app.request(path, { headers: bearer('two') })).status, 200)
    }
  })
})

test('requireScopes on a public path refuses whoever is unknown', async () => {
  await withAs(async (as) => {
    const app = appOf(as, { publicPaths: ['/open', '/closed'] }, (app) => {
      app.get('/open', (c) => c.text('ok'))
      app.get('/closed', requireScopes('files:write'), (c) => c.text('ok'))
    })
    assert.equal((await app.request('/open')).status, 200)
    assert.equal((await app.request('/closed')).status, 401)
  })
})

test('requireScopes judges the token, whatever the app made of `user`', async () => {
  await withAs(async (as) => {
    as.grant('reader')
    as.grant('writer', { scope: 'files:read files:write' })
    const app = appOf(as, {}, (app) => {
      app.use(async (c, next) => {
        c.set('user', { id: 7, scopes: ['files:write'] })
        await next()
      })
      app.get('/', requireScopes('files:write'), (c) => c.text(String(c.get('user').id)))
    })
    assert.equal((await app.request('/', { headers: bearer('reader') })).status, 403)
    assert.equal(await (await app.request('/', { headers: bearer('writer') })).text(), '7')
  })
})

test('requireScopes alone lets nobody in', async () => {
  const app = new Hono().get('/', requireScopes('files:write'), (c) => c.text('in'))
  let caught
  app.onError((error, c) => ((caught = error), c.text('', 500)))
  assert.equal((await app.request('/')).status, 500)
  assert.equal(caught.code, 'MIDDLEWARE_MISSING')
})

test('requireScopes refuses what is no scope when it is made', () => {
  for (const wrong of [[], [''], ['a  b'], ['a"b'], ['a', ''], ['ä'], ['a\nb']]) {
    assert.throws(() => requireScopes(...wrong), { code: 'OPTION_INVALID' })
  }
  requireScopes('files:write', 'https://example.com/scope')
})

test('authInfo is what the official SDKs want', async () => {
  await withAs(async (as) => {
    as.grant('good', { exp: 4000000000 })
    const app = appOf(as, { publicPaths: ['/open'] }, (app) => app.get('*', (c) => c.json(authInfo(c) ?? 'nobody')))
    assert.equal(await (await app.request('/open')).json(), 'nobody')
    const { extra, ...info } = await (await app.request('/', { headers: { authorization: 'bearer good' } })).json()
    assert.deepEqual(info, { token: 'good', clientId: 'cl_0001', scopes: ['files:read'], expiresAt: 4000000000, resource: RESOURCE })
    assert.equal(extra.sub, 'usr_0001')
    assert.equal(extra.email, 'ada@example.com')
  })
})
