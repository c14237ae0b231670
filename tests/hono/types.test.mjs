import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')

test("using the middleware types c.get('user')", () => {
  const project = fileURLToPath(new URL('tsconfig.json', import.meta.url))
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', project], { encoding: 'utf8', timeout: 60000 })
  assert.equal(stdout, '')
  assert.equal(status, 0)
})
