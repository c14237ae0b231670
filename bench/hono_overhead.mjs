// Requests per second of a Hono app, bare and protected: two processes, wrk against one and the other in turns.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { FakeAs } from '../tests/support/fake_as.mjs'

const GOAL = 0.95
const ROUNDS = Number(process.env.ROUNDS ?? 9)
const SECONDS = 2
const CONNECTIONS = 32

const build = process.env.AUTH_AGENT_BUILD ?? fileURLToPath(new URL('../build/release', import.meta.url))
const native = process.env.AUTH_AGENT_MCP_NATIVE ?? join(build, 'node', 'auth_agent_core.node')
const program = fileURLToPath(new URL('node_server.mjs', import.meta.url))

async function start(kind, as) {
  const env = { ...process.env, AUTH_AGENT_MCP_NATIVE: native, AUTH_AGENT_OPTIONS_ISSUER: as.issuer }
  const child = spawn(process.execPath, [program, kind], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const [port] = await once(child.stdout, 'data')
  return { kind, child, url: `http://127.0.0.1:${String(port).trim()}/api/files`, rates: [] }
}

/** Requests per second; an answer that is not 200 spoils the run. */
async function load(url, seconds) {
  const { stdout } = await promisify(execFile)('wrk', ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-H', 'authorization: Bearer good', url])
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(stdout)
  return Number(stdout.match(/Requests\/sec:\s+([\d.]+)/)[1])
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]

const as = await FakeAs.start()
as.grant('good')
const apps = [await start('bare', as), await start('protected', as)]
try {
  for (const app of apps) await load(app.url, 2)
  for (let round = 0; round < ROUNDS; round++) {
    for (const app of round % 2 ? apps.toReversed() : apps) app.rates.push(await load(app.url, SECONDS))
  }
  for (const { kind, rates } of apps) console.log(`${kind.padEnd(10)} ${median(rates).toFixed(0).padStart(8)} requests/s`)
  const ratio = median(apps[1].rates.map((rate, i) => rate / apps[0].rates[i]))
  const verdict = ratio >= GOAL ? 'met' : 'MISSED'
  console.log(
    `protected / bare = ${ratio.toFixed(3)}  goal ≥ ${GOAL}: ${verdict}  (median of ${ROUNDS} interleaved rounds of ${SECONDS} s)`,
  )
} finally {
  for (const { child } of apps) child.kill()
  await as.stop()
}
