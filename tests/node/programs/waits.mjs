import { ask, makeGuard } from './common.mjs'

void ask(makeGuard(process.argv[2])).then((verdict) => console.log(verdict.kind))
