import assert from 'node:assert/strict'
import { test } from 'node:test'
import { appOf, bearer, options, whole, withAs } from './support.mjs'
import { authAgentMiddleware } from 'auth-agent-mcp-sdk'
import { Hono } from 'hono'

const call = (name) => JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: { text: 'ž🦊' } } })
const post = (token, body, headers = {}) => ({
  method: 'POST',
  headers: bearer(token, { 'content-type': 'application/json', ...headers }),
  body,
  duplex: 'half',
})
const TOOLS = { tools: { write_file: ['files:write'] } }

/** A body that counts how much of it was pulled. */
function counted(chunks) {
  const state = { pulled: 0 }
  state.stream = new ReadableStream(
    {
      pull(controller) {
        if (state.pulled === chunks.length) return controller.close()
        controller.enqueue(chunks[state.pulled++])
      },
    },
    { highWaterMark: 0 },
  )
  return state
}

test('a tool that needs more scopes is a real 403', async () => {
  await withAs(async (as) => {
    as.grant('reader')
    as.grant('writer', { scope: 'files:read files:write' })
    const app = appOf(as, TOOLS)
    const refused = await whole(await app.request('/mcp', post('reader', call('write_file'))))
    assert.equal(refused.status, 403)
    assert.match(refused.headers['www-authenticate'], /^Bearer error="insufficient_scope", scope="files:read files:write", /)
    assert.equal((await app.request('/mcp', post('reader', call('read_file')))).status, 200)
    assert.equal((await app.request('/mcp', post('writer', call('write_file')))).status, 200)
  })
})

test('the handler finds the body as it was sent, whichever way it reads it', async () => {
  await withAs(async (as) => {
    as.grant('reader')
    const text = call('read_file')
    const ways = {
      json: async (c) => JSON.stringify(await c.req.json()),
      text: (c) => c.req.text(),
      bytes: async (c) => new TextDecoder().decode(await c.req.arrayBuffer()),
      raw: (c) => c.req.raw.text(),
      stream: async (c) => {
        let all = ''
        const decoder = new TextDecoder()
        for await (const chunk of c.req.raw.body) all += decoder.decode(chunk, { stream: true })
        return all
      },
      clone: (c) => c.req.raw.clone().text(),
    }
    for (const [name, read] of Object.entries(ways)) {
      const app = appOf(as, TOOLS, (app) => app.post('*', async (c) => c.text(await read(c))))
      assert.equal(await (await app.request('/mcp', post('reader', text))).text(), text, name)
    }
  })
})

test('binary bodies are replayed byte for byte', async () => {
  await withAs(async (as) => {
    as.grant('reader')
    const bytes = Uint8Array.from({ length: 70000 }, (_, i) => (i * 7) % 256)
    const app = appOf(as, { tools: {} }, (app) => app.post('*', async (c) => c.body(await c.req.arrayBuffer())))
    const back = new Uint8Array(
      await (await app.request('/', post('reader', bytes, { 'content-type': 'application/octet-stream' }))).arrayBuffer(),
    )
    assert.deepEqual(back, bytes)
  })
})

test('without a tool policy the body is not touched', async () => {
  await withAs(async (as) => {
    as.grant('reader')
    const { stream, ...state } = counted([new Uint8Array(10)])
    let pulled
    const source = counted([new Uint8Array(10), new Uint8Array(10)])
    const app = appOf(as, {}, (app) => app.post('*', (c) => ((pulled = source.pulled), c.text('ok'))))
    assert.equal((await app.request('/', post('reader', source.stream))).status, 200)
    assert.equal(pulled, 0)
    void [stream, state]
  })
})

test('a body is read for nobody who shows no token', async () => {
  await withAs(async (as) => {
    const source = counted([new Uint8Array(10)])
    const app = appOf(as, TOOLS)
    const response = await app.request('/mcp', { method: 'POST', body: source.stream, duplex: 'half' })
    assert.equal(response.status, 401)
    assert.equal(source.pulled, 0)
  })
})

test('a body over the limit is 413, read no further than that', async () => {
  await withAs(async (as) => {
    as.grant('reader')
    let called = 0
    const app = appOf(as, { ...TOOLS, maxBody: 1000 }, (app) => app.post('*', (c) => (called++, c.text('in'))))
    const source = counted(Array.from({ length: 100 }, () => new Uint8Array(300)))
    assert.equal((await app.request('/', post('reader', source.stream))).status, 413)
    assert.ok(source.pulled <= 6, `${source.pulled} chunks were pulled`)
    assert.equal((await app.request('/', post('reader', 'x'.repeat(1001), { 'content-length': '1001' }))).status, 413)
    assert.equal(called, 0)
    const exact = call('read_file')
    const fits = appOf(as, { ...TOOLS, maxBody: Buffer.byteLength(exact) }, (app) => app.post('*', (c) => c.text('in')))
    assert.equal((await fits.request('/', post('reader', exact))).status, 200)
  })
})

test('a body that an earlier middleware consumed is judged as the handler will see it', async () => {
  await withAs(async (as) => {
    as.grant('reader')
    const app = new Hono()
    app.use(async (c, next) => {
      await c.req.json()
      await next()
    })
    app.use(authAgentMiddleware(options(as, TOOLS)))
    app.post('*', async (c) => c.json(await c.req.json()))
    assert.equal((await app.request('/mcp', post('reader', call('write_file')))).status, 403)
    const allowed = await app.request('/mcp', post('reader', call('read_file')))
    assert.equal(allowed.status, 200)
    assert.equal((await allowed.json()).params.name, 'read_file')
  })
})

test('a body that breaks off is the error of the request, and lets nobody in', async () => {
  await withAs(async (as) => {
    as.grant('reader')
    let called = 0
    const app = appOf(as, TOOLS, (app) => app.post('*', (c) => (called++, c.text('in'))))
    app.onError((error, c) => c.text(error.message, 500))
    const broken = new ReadableStream({ pull: (controller) => controller.error(new Error('broken off')) })
    const response = await app.request('/', post('reader', broken))
    assert.equal(response.status, 500)
    assert.equal(called, 0)
  })
})

test('Mcp-Name that differs from the body is refused', async () => {
  await withAs(async (as) => {
    as.grant('reader')
    const app = appOf(as, TOOLS)
    const headers = (name) => ({ 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': name })
    const lie = await app.request('/mcp', post('reader', call('write_file'), headers('read_file')))
    assert.equal(lie.status, 400)
    assert.equal((await app.request('/mcp', post('reader', call('read_file'), headers('read_file')))).status, 200)
  })
})
