// The middleware behind @hono/node-server, on real sockets.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { createAdaptorServer } from '@hono/node-server'
import { streamSSE } from 'hono/streaming'
import { appOf, bearer, withAs } from './support.mjs'

async function serving(app, body, serverOptions = {}) {
  const server = createAdaptorServer({ fetch: app.fetch, ...serverOptions })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    return await body(`http://127.0.0.1:${server.address().port}`, server.address().port)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

/** Sends bytes as they are; the status and the whole text that came back. */
async function raw(port, lines) {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  let text = ''
  socket.setEncoding('latin1')
  for await (const chunk of socket) text += chunk
  return { status: Number(text.split(' ')[1]), text }
}

const get = (port, target, ...headers) => raw(port, [`GET ${target} HTTP/1.1`, 'host: localhost', 'connection: close', ...headers])

test('no spelling of a path is public but the one that was listed', async () => {
  await withAs(async (as) => {
    const app = appOf(as, { publicPaths: ['/health'] }, (app) => {
      app.get('/health', (c) => c.text('open'))
      app.get('*', (c) => c.text('secret'))
    })
    await serving(app, async (_url, port) => {
      const open = await get(port, '/health')
      assert.equal(open.status, 200)
      const targets = [
        '//health',
        '/health/',
        '/%2fhealth',
        '/health%2f',
        '/./x/../secret',
        '/health/../secret',
        '/health/%2e%2e/secret',
        '/health%00',
        '/health;/secret',
        '/secret?/health',
        '/%68ealth%2f..',
      ]
      for (const target of targets) {
        const { status, text } = await get(port, target)
        assert.ok(status === 401 || status === 400, `${target}: ${status}`)
        assert.doesNotMatch(text, /secret$/, target)
      }
      for (const host of ['x/health', 'health', 'localhost/health?', 'localhost#/health']) {
        const { text } = await raw(port, ['GET /secret HTTP/1.1', `host: ${host}`, 'connection: close'])
        assert.doesNotMatch(text, /secret$/, host)
      }
      const absolute = await get(port, 'http://localhost/health/../secret')
      assert.doesNotMatch(absolute.text, /secret$/)
    })
  })
})

test('a path that is decoded to the public one is the public one, for the router and for us', async () => {
  await withAs(async (as) => {
    const app = appOf(as, { publicPaths: ['/health'] }, (app) => {
      app.get('/health', (c) => c.text('open'))
      app.get('*', (c) => c.text('secret'))
    })
    await serving(app, async (_url, port) => {
      for (const target of ['/%68ealth', '/x/../health']) {
        const { status, text } = await get(port, target)
        assert.ok((status === 200 && text.endsWith('open')) || status === 401, `${target}: ${text}`)
      }
    })
  })
})

test('two Authorization headers are refused, though node keeps the first of them', async () => {
  await withAs(async (as) => {
    as.grant('good')
    await serving(appOf(as), async (_url, port) => {
      const two = await get(port, '/', 'authorization: Bearer good', 'authorization: Bearer other')
      assert.equal(two.status, 400)
      const twice = await get(port, '/', 'authorization: Bearer good', 'Authorization: Bearer good')
      assert.equal(twice.status, 400)
      assert.equal((await get(port, '/', 'authorization: Bearer good')).status, 200)
    })
  })
})

test('bodies are judged and replayed, with the global Request replaced and without', async () => {
  await withAs(async (as) => {
    as.grant('reader')
    const app = appOf(as, { tools: { write_file: ['files:write'] } }, (app) => app.post('*', async (c) => c.text(await c.req.raw.text())))
    const call = (name) =>
      JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: { text: 'x'.repeat(300000) } } })
    for (const overrideGlobalObjects of [true, false]) {
      await serving(
        app,
        async (url) => {
          const post = (name) =>
            fetch(`${url}/mcp`, { method: 'POST', headers: bearer('reader', { 'content-type': 'application/json' }), body: call(name) })
          const refused = await post('write_file')
          assert.equal(refused.status, 403)
          assert.match(refused.headers.get('www-authenticate'), /insufficient_scope/)
          assert.equal(await (await post('read_file')).text(), call('read_file'))
        },
        { overrideGlobalObjects },
      )
    }
  })
})

test('a body over the limit is 413, and the connection is of no more use to its sender', async () => {
  await withAs(async (as) => {
    as.grant('reader')
    const app = appOf(as, { tools: { write_file: ['files:write'] }, maxBody: 1000 })
    await serving(app, async (url, port) => {
      const head = ['POST /mcp HTTP/1.1', 'host: localhost', 'connection: close', 'authorization: Bearer reader']
      assert.equal((await raw(port, [...head, 'content-length: 1001', '', 'x'.repeat(1001)])).status, 413)
      const chunked = [...head, 'transfer-encoding: chunked', '', '400', 'x'.repeat(1024), '0']
      assert.equal((await raw(port, chunked)).status, 413)
      assert.equal((await fetch(url, { headers: bearer('reader') })).status, 200)
    })
  })
})

test('events reach the client while the handler is still at work', async () => {
  await withAs(async (as) => {
    as.grant('good')
    let release
    const gate = new Promise((resolve) => (release = resolve))
    const app = appOf(as, {}, (app) =>
      app.get('/', (c) =>
        streamSSE(c, async (stream) => {
          await stream.writeSSE({ data: 'first' })
          await gate
        }),
      ),
    )
    await serving(app, async (url) => {
      const reader = (await fetch(url, { headers: bearer('good') })).body.getReader()
      assert.match(new TextDecoder().decode((await reader.read()).value), /first/)
      release()
      assert.equal((await reader.read()).done, true)
    })
  })
})

test('a client that leaves while its token is being asked about disturbs nobody', async () => {
  await withAs(async (as) => {
    as.grant('good')
    as.delayMs = 200
    await serving(appOf(as), async (url) => {
      const controller = new AbortController()
      const leaver = fetch(url, { headers: bearer('good'), signal: controller.signal }).catch(() => 'left')
      const stayer = fetch(url, { headers: bearer('good') })
      setTimeout(() => controller.abort(), 50)
      assert.equal(await leaver, 'left')
      assert.equal((await stayer).status, 200)
      assert.equal(as.introspections, 1)
    })
  })
})
