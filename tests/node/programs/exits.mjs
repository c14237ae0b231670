import { ask, makeGuard } from './common.mjs'

globalThis.guard = makeGuard(process.argv[2])
console.log((await ask(globalThis.guard)).kind)
