// Finds the addon: AUTH_AGENT_MCP_NATIVE, a local build, then a prebuilt one. Nothing is compiled or fetched here.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const tag = `${process.platform}-${process.arch}`
const file = 'auth_agent_core.node'
const places = process.env.AUTH_AGENT_MCP_NATIVE
  ? [process.env.AUTH_AGENT_MCP_NATIVE]
  : [
      here(`../build/dev/node/${file}`),
      here(`../build/release/node/${file}`),
      here(`./build/${file}`),
      ...['', '-glibc', '-musl'].map((libc) => here(`./prebuilds/${tag}${libc}/${file}`)),
    ]

function load() {
  const tried = []
  for (const path of places) {
    try {
      if (existsSync(path)) return createRequire(import.meta.url)(path)
      tried.push(`${path}: not there`)
    } catch (error) {
      tried.push(`${path}: ${error.message}`)
    }
  }
  const lines = tried.map((line) => `  ${line}`).join('\n')
  const message = `auth-agent-mcp-core has no addon for ${tag}. Tried:\n${lines}\nTo compile it: npx auth-agent-mcp-core build`
  throw Object.assign(new Error(message), { code: 'NATIVE_MISSING' })
}

export default load()
