// Requests per second of a Hono app, bare, with a middleware that does nothing, and protected: three processes, wrk against them in turns.
import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
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
  return { kind, child, url: `http://127.0.0.1:${String(port).trim()}/api/files`, rates: [], cpuUs: [] }
}

const TICKS = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** Seconds of processor time that the process has used. */
function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

async function measure(app) {
  const before = cpuSeconds(app.child.pid)
  const rate = await load(app.url, SECONDS)
  app.rates.push(rate)
  app.cpuUs.push(((cpuSeconds(app.child.pid) - before) * 1e6) / (rate * SECONDS))
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
const apps = [await start('bare', as), await start('passing', as), await start('protected', as)]
try {
  for (const app of apps) await load(app.url, 2)
  for (let round = 0; round < ROUNDS; round++) {
    for (const app of round % 2 ? apps.toReversed() : apps) await measure(app)
  }
  for (const { kind, rates, cpuUs } of apps)
    console.log(
      `${kind.padEnd(10)} ${median(rates).toFixed(0).padStart(8)} requests/s  ${median(cpuUs).toFixed(1).padStart(6)} µs CPU a request`,
    )
  const [bare, passing, guarded] = apps
  const compare = (ours, theirs) => [
    median(ours.rates.map((rate, i) => rate / theirs.rates[i])),
    median(ours.cpuUs.map((us, i) => theirs.cpuUs[i] / us)),
  ]
  const [toPassing, toPassingByCpu] = compare(guarded, passing)
  const [ratio, byCpu] = compare(guarded, bare)
  console.log(`protected / a middleware that does nothing = ${toPassing.toFixed(3)}, by CPU ${toPassingByCpu.toFixed(3)}`)
  const verdict = ratio >= GOAL ? 'met' : 'MISSED'
  console.log(
    `protected / bare = ${ratio.toFixed(3)}, by CPU ${byCpu.toFixed(3)}  goal ≥ ${GOAL}: ${verdict}  (median of ${ROUNDS} interleaved rounds of ${SECONDS} s)`,
  )
} finally {
  for (const { child } of apps) child.kill()
  await as.stop()
}
