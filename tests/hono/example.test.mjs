// The example server: its files, its REST side and its MCP side with the official clients of both eras.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client'
import { API_KEY, FakeAs, SERVER_ID } from '../support/fake_as.mjs'
import { bearer } from './support.mjs'

const SERVER = fileURLToPath(new URL('../../examples/typescript-server/dist/server.js', import.meta.url))
let as, folder, root, child, url

async function start() {
  child = spawn(process.execPath, [SERVER], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      AUTH_AGENT_SERVER_ID: SERVER_ID,
      AUTH_AGENT_API_KEY: API_KEY,
      AUTH_AGENT_AUTH_SERVER: as.issuer,
      FILES_ROOT: root,
      PORT: '0',
    },
  })
  const [line] = await once(child.stdout, 'data')
  return String(line).match(/MCP at (http:\/\/localhost:\d+)\/mcp/)[1]
}

before(async () => {
  as = await FakeAs.start()
  as.grant('reader')
  as.grant('writer', { scope: 'files:read files:write' })
  folder = await mkdtemp(join(tmpdir(), 'example-'))
  root = join(folder, 'root')
  await mkdir(join(root, 'sub'), { recursive: true })
  await writeFile(join(root, 'hello.txt'), 'hello ž')
  await writeFile(join(root, 'sub', 'deep.txt'), 'deep')
  await writeFile(join(folder, 'secret.txt'), 'secret')
  await symlink(join(folder, 'secret.txt'), join(root, 'link.txt'))
  await symlink(folder, join(root, 'out'))
  await symlink(join(root, 'sub'), join(root, 'inside'))
  url = await start()
})

after(async () => {
  child?.kill('SIGKILL')
  await as?.stop()
  if (folder) await rm(folder, { recursive: true, force: true })
})

const get = (path, token = 'reader', more = {}) => fetch(url + path, { headers: bearer(token, more) })
const put = (path, body, token = 'writer') => fetch(url + path, { method: 'PUT', headers: bearer(token), body })

// ---- REST ---------------------------------------------------------------------------------------------------------

test('files are listed for a reader, and nobody else', async () => {
  const listed = await get('/api/files')
  assert.deepEqual(await listed.json(), { files: ['hello.txt', 'sub/'], user: 'ada@example.com' })
  assert.equal((await fetch(`${url}/api/files`)).status, 401)
})

test('a file is read and written, writing needs files:write', async () => {
  assert.equal(await (await get('/api/files/hello.txt')).text(), 'hello ž')
  assert.equal(await (await get('/api/files/sub/deep.txt')).text(), 'deep')
  assert.equal((await put('/api/files/new.txt', 'x', 'reader')).status, 403)
  assert.deepEqual(await (await put('/api/files/new.txt', 'neu ž')).json(), { path: 'new.txt', bytes: 6 })
  assert.equal(await readFile(join(root, 'new.txt'), 'utf8'), 'neu ž')
  assert.equal((await put('/api/files/new.txt', 'n')).status, 200)
  assert.equal(await readFile(join(root, 'new.txt'), 'utf8'), 'n')
  assert.equal((await get('/api/files/absent.txt')).status, 404)
  assert.equal((await get('/api/files/sub')).status, 409)
})

/** What fetch() would tidy up goes over a bare socket. */
async function raw(method, target, token) {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const head = [
    `${method} ${target} HTTP/1.1`,
    `host: localhost`,
    `authorization: Bearer ${token}`,
    'connection: close',
    'content-length: 0',
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  let text = ''
  for await (const chunk of socket.setEncoding('utf8')) text += chunk
  return text
}

test('no path leads out of the root', async () => {
  const paths = [
    '../secret.txt',
    '..%2fsecret.txt',
    '%2e%2e/secret.txt',
    '%2e%2e%2fsecret.txt',
    'sub/../../secret.txt',
    'sub%2f..%2f..%2fsecret.txt',
    '%2Fetc%2Fpasswd',
    '/etc/passwd',
    'link.txt',
    'out/secret.txt',
    'inside/deep.txt',
    'hello.txt%00',
    '..%5csecret.txt',
  ]
  for (const path of paths) {
    const answer = await raw('GET', `/api/files/${path}`, 'reader')
    assert.match(answer, /^HTTP\/1\.1 (400|404) /, path)
    assert.doesNotMatch(answer, /secret$|root:/, path)
    assert.match(await raw('PUT', `/api/files/${path}`, 'writer'), /^HTTP\/1\.1 (400|404) /, path)
  }
  assert.equal(await readFile(join(folder, 'secret.txt'), 'utf8'), 'secret')
  assert.equal(await readFile(join(root, 'sub', 'deep.txt'), 'utf8'), 'deep')
})

test('a path is decoded once: what then still has per cent signs is a name like any other', async () => {
  const path = '%252e%252e%252fsecret.txt'
  assert.match(await raw('PUT', `/api/files/${path}`, 'writer'), /^HTTP\/1\.1 200 /)
  assert.equal(await readFile(join(root, '%2e%2e%2fsecret.txt'), 'utf8'), '')
  assert.equal(await readFile(join(folder, 'secret.txt'), 'utf8'), 'secret')
})

test('another Host and a foreign Origin are refused before anything else', async () => {
  assert.equal((await get('/api/files', 'reader', { origin: 'https://evil.example.com' })).status, 403)
  assert.equal((await get('/api/files', 'reader', { origin: 'http://localhost:6274' })).status, 200)
  const { port } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  socket.write('GET /api/files HTTP/1.1\r\nhost: evil.example.com\r\nauthorization: Bearer reader\r\nconnection: close\r\n\r\n')
  let text = ''
  for await (const chunk of socket.setEncoding('utf8')) text += chunk
  assert.match(text, /^HTTP\/1\.1 403 /)
})

test('a browser on localhost gets its preflight answered and can read the challenge', async () => {
  const headers = { origin: 'http://localhost:6274', 'access-control-request-method': 'POST' }
  const preflight = await fetch(`${url}/mcp`, { method: 'OPTIONS', headers })
  assert.equal(preflight.status, 204)
  assert.equal(preflight.headers.get('access-control-allow-origin'), 'http://localhost:6274')
  const refused = await fetch(`${url}/mcp`, { method: 'POST', headers: { origin: 'http://localhost:6274' } })
  assert.equal(refused.status, 401)
  assert.match(refused.headers.get('access-control-expose-headers'), /WWW-Authenticate/i)
  assert.match(refused.headers.get('www-authenticate'), /^Bearer /)
})

// ---- MCP ----------------------------------------------------------------------------------------------------------

const CLIENTS = {
  'the v1 SDK (initialize era)': async (token) => {
    const client = new ClientV1({ name: 'test', version: '1' })
    await client.connect(new TransportV1(new URL(`${url}/mcp`), { requestInit: { headers: bearer(token) } }))
    return client
  },
  'the v2 SDK': async (token) => {
    const client = new ClientV2({ name: 'test', version: '1' })
    await client.connect(new TransportV2(new URL(`${url}/mcp`), { requestInit: { headers: bearer(token) } }))
    return client
  },
  'the v2 SDK, 2026-07-28 alone': async (token) => {
    const client = new ClientV2(
      { name: 'test', version: '1' },
      { supportedProtocolVersions: ['2026-07-28'], versionNegotiation: { mode: { pin: '2026-07-28' } } },
    )
    await client.connect(new TransportV2(new URL(`${url}/mcp`), { requestInit: { headers: bearer(token) } }))
    return client
  },
}

for (const [name, connectWith] of Object.entries(CLIENTS)) {
  test(`${name} lists and calls the tools, and is refused what its token may not`, async () => {
    const reader = await connectWith('reader')
    const writer = await connectWith('writer')
    const text = (result) => result.content.map((part) => part.text).join('')
    try {
      const { tools } = await reader.listTools()
      assert.deepEqual(
        tools.map((tool) => tool.name),
        ['list_files', 'read_file', 'write_file'],
      )
      assert.match(text(await reader.callTool({ name: 'list_files', arguments: {} })), /hello\.txt/)
      assert.equal(text(await reader.callTool({ name: 'read_file', arguments: { path: 'hello.txt' } })), 'hello ž')
      const escape = await reader.callTool({ name: 'read_file', arguments: { path: '../secret.txt' } })
      assert.equal(escape.isError, true)
      assert.equal(text(escape), 'that path is not allowed')
      const write = { name: 'write_file', arguments: { path: 'mcp.txt', content: name } }
      await assert.rejects(reader.callTool(write))
      assert.match(text(await writer.callTool(write)), /^wrote \d+ bytes/)
      assert.equal(await readFile(join(root, 'mcp.txt'), 'utf8'), name)
    } finally {
      await reader.close()
      await writer.close()
    }
  })
}

test('a refused tool call is HTTP 403 with a challenge that names what it needs', async () => {
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'write_file', arguments: { path: 'a', content: 'b' } },
  })
  const headers = bearer('reader', { 'content-type': 'application/json', accept: 'application/json, text/event-stream' })
  const response = await fetch(`${url}/mcp`, { method: 'POST', headers, body })
  assert.equal(response.status, 403)
  assert.match(response.headers.get('www-authenticate'), /error="insufficient_scope", scope="files:read files:write"/)
})

test('SIGTERM ends it, exit code 0', async () => {
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  assert.deepEqual(await exit, [0, null])
})
