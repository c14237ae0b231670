import { ask, makeGuard } from './common.mjs'

void ask(makeGuard(process.argv[2]))
setImmediate(() => {
  throw new Error('deliberate')
})
