#!/usr/bin/env node
// `npx auth-agent-mcp-core build` compiles the addon from the sources in this package, for platforms without a prebuilt one.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const file = 'auth_agent_core.node'
const needs = 'It needs a C compiler, cmake, pkg-config, uthash.h and the development files of libcurl, OpenSSL 3 and jansson.'

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' })
  if (status === 0) return
  const why = error ? error.message : `exit code ${status}`
  throw new Error(`${command} failed: ${why}\n${needs}`)
}

function build() {
  const tree = mkdtempSync(join(tmpdir(), 'auth-agent-mcp-core-'))
  try {
    const generator = spawnSync('ninja', ['--version']).status === 0 ? ['-G', 'Ninja'] : []
    run('cmake', ['-S', root, '-B', tree, '-DCMAKE_BUILD_TYPE=Release', ...generator])
    run('cmake', ['--build', tree, '--target', 'auth_agent_node'])
    mkdirSync(join(root, 'build'), { recursive: true })
    copyFileSync(join(tree, file), join(root, 'build', file))
  } finally {
    rmSync(tree, { recursive: true, force: true })
  }
}

if (process.argv[2] !== 'build' || !existsSync(join(root, 'CMakeLists.txt'))) {
  console.error('usage: auth-agent-mcp-core build')
  process.exit(2)
}
try {
  build()
  console.log(`built ${join(root, 'build', file)}`)
} catch (error) {
  console.error(error.message)
  process.exit(1)
}
