// Nanoseconds of a cached check from JavaScript, beside what pure JavaScript needs for the same lookup in the same run.
import { createHash, hash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { FakeAs } from '../tests/support/fake_as.mjs'

const GOAL_NS = 500
const ROUNDS = 15
const CALLS = 200_000

const build = process.env.AUTH_AGENT_BUILD ?? fileURLToPath(new URL('../build/release', import.meta.url))
process.env.AUTH_AGENT_MCP_NATIVE ??= join(build, 'node', 'auth_agent_core.node')
const { Guard } = await import('auth-agent-mcp-core')

const token = 'aat_0001' + 'x'.repeat(35)
const header = `Bearer ${token}`
const as = await FakeAs.start()
as.grant(token)
const guard = new Guard(JSON.stringify(as.options()))
const principal = await guard.authorize({ method: 'GET', path: '/api/files', authorization: header })

const sha256 = hash ? (text) => hash('sha256', text) : (text) => createHash('sha256').update(text).digest('hex')
const map = new Map([[sha256(token), principal]])

/** Each returns the same object, so that none can be optimised away. */
const subjects = {
  'guard.check, hit': () => guard.check('GET', '/api/files', header),
  'guard.checkRequest, hit': () => guard.checkRequest({ method: 'GET', path: '/api/files', authorization: header }),
  [`crypto.${hash ? 'hash' : 'createHash'} + Map`]: () => map.get(sha256(header.slice(7))),
  'a trivial call of the addon': () => (guard.wantsBody('GET') ? undefined : principal),
}

function time(subject) {
  const started = process.hrtime.bigint()
  for (let i = 0; i < CALLS; i++) if (subject() !== principal) throw new Error('a wrong answer')
  return Number(process.hrtime.bigint() - started) / CALLS
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]
const results = Object.fromEntries(Object.keys(subjects).map((name) => [name, []]))
for (const subject of Object.values(subjects)) time(subject)
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, subject] of Object.entries(subjects)) results[name].push(time(subject))
}
for (const [name, times] of Object.entries(results)) console.log(`${name.padEnd(30)} ${median(times).toFixed(0).padStart(6)} ns`)
const ns = median(results['guard.check, hit'])
console.log(
  `goal < ${GOAL_NS} ns: ${ns < GOAL_NS ? 'met' : 'MISSED'}  (node ${process.versions.node}, median of ${ROUNDS} rounds of ${CALLS})`,
)
await as.stop()
