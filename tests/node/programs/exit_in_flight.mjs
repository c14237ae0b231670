import { ask, makeGuard } from './common.mjs'

const guard = makeGuard(process.argv[2])
for (let i = 0; i < 20; i++) void ask(guard, `token${i}`)
setTimeout(() => process.exit(0), Number(process.argv[3]))
