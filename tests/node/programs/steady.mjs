import { ask, makeGuard } from './common.mjs'

const LIMIT_MIB = 24
const guard = makeGuard(process.argv[2])
const good = await ask(guard)

function round() {
  for (let i = 0; i < 100_000; i++) {
    guard.check('GET', '/')
    guard.check('GET', '/', 'Bearer good')
    guard.checkScopes(good, 'files:write')
    try {
      guard.check('GET', 5)
    } catch {}
  }
  globalThis.gc()
  return process.memoryUsage().rss
}

round()
const before = round()
const grown = (round() - before) / 1024 / 1024
if (grown > LIMIT_MIB) throw new Error(`grew by ${grown} MiB`)
