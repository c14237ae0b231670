import assert from 'node:assert/strict'
import { test } from 'node:test'
import { run, withAs } from './support.mjs'

const ok = (result) => assert.deepEqual({ code: result.code, signal: result.signal }, { code: 0, signal: null }, result.stderr)

test('a process with a guard that is alive exits by itself', async () => {
  await withAs(async (as) => {
    as.grant('good')
    const result = await run('programs/exits.mjs', [as.issuer])
    ok(result)
    assert.match(result.stdout, /principal/)
  })
})

test('a process waits for a promise that is open', async () => {
  await withAs(async (as) => {
    as.grant('good')
    as.delayMs = 300
    const result = await run('programs/waits.mjs', [as.issuer])
    ok(result)
    assert.equal(result.stdout, 'principal\n')
  })
})

test('process.exit() with requests under way is clean, at every moment of them', async () => {
  await withAs(async (as) => {
    as.delayMs = 5
    for (let i = 0; i < 12; i++) ok(await run('programs/exit_in_flight.mjs', [as.issuer, String(i)]))
  })
})

test('an uncaught exception with a request under way ends the process as it should', async () => {
  await withAs(async (as) => {
    as.delayMs = 50
    const result = await run('programs/throws_in_flight.mjs', [as.issuer])
    assert.equal(result.code, 1)
    assert.equal(result.signal, null)
    assert.match(result.stderr, /deliberate/)
  })
})

test('workers have guards of their own, and their end stops nobody else', async () => {
  await withAs(async (as) => {
    as.grant('good')
    const result = await run('programs/workers.mjs', [as.issuer])
    ok(result)
    assert.equal(result.stdout, 'principal principal principal main principal\n')
  })
})

test('a worker that is terminated in mid-flight goes quickly and leaves no damage', async () => {
  await withAs(async (as) => {
    as.grant('good')
    as.delayMs = 20
    const result = await run('programs/terminate.mjs', [as.issuer], { timeoutMs: 60000 })
    ok(result)
    assert.match(result.stdout, /^done slowest=\d+\n$/)
    assert.ok(Number(result.stdout.match(/slowest=(\d+)/)[1]) < 1000, result.stdout)
  })
})

test('guards and principals that nobody holds are collected', async () => {
  await withAs(async (as) => {
    as.grant('good')
    const result = await run('programs/collected.mjs', [as.issuer], { nodeArgs: ['--expose-gc'], timeoutMs: 60000 })
    ok(result)
    assert.equal(result.stdout, 'threads back to where they were\n')
  })
})

test('refusals and principals in great number do not grow the process', async () => {
  await withAs(async (as) => {
    as.grant('good')
    const result = await run('programs/steady.mjs', [as.issuer], { nodeArgs: ['--expose-gc'], timeoutMs: 60000 })
    ok(result)
  })
})

test('a missing addon is an error that names every place and the command', async () => {
  const result = await run('programs/exits.mjs', ['http://127.0.0.1:1'], { env: { AUTH_AGENT_MCP_NATIVE: '/nowhere/x.node' } })
  assert.equal(result.code, 1)
  assert.match(result.stderr, /\/nowhere\/x\.node/)
  assert.match(result.stderr, /npx auth-agent-mcp-core build/)
  assert.match(result.stderr, /NATIVE_MISSING/)
})
