import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Guard } from 'auth-agent-mcp-core'

export { withAs } from '../support/fake_as.mjs'

export function guardOf(as, more = {}) {
  return new Guard(JSON.stringify(as.options(more)))
}

export function request(token, more = {}) {
  return { method: 'GET', path: '/files', authorization: token && `Bearer ${token}`, ...more }
}

/** What is known at once, else what the authorization server says. */
export async function judge(guard, token, more) {
  return guard.checkRequest(request(token, more)) ?? guard.authorize(request(token, more))
}

export function header(answer, name) {
  return answer.headers.find(([key]) => key === name)?.[1]
}

/** Runs a script in a process of its own; killed when it does not end by itself. */
export async function run(script, args = [], { timeoutMs = 20000, nodeArgs = [], env = {} } = {}) {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const child = spawn(process.execPath, [...nodeArgs, path, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const out = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => (out.stdout += chunk))
  child.stderr.on('data', (chunk) => (out.stderr += chunk))
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  const [code, signal] = await once(child, 'close')
  clearTimeout(timer)
  return { code, signal, ...out }
}
