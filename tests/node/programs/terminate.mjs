import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { ask, makeGuard } from './common.mjs'

const issuer = process.argv[2]
const guard = makeGuard(issuer)
let slowest = 0

for (let i = 0; i < 25; i++) {
  const worker = new Worker(new URL('worker.mjs', import.meta.url), { workerData: { issuer, endless: true } })
  await once(worker, 'message')
  await new Promise((resolve) => setTimeout(resolve, i))
  const started = Date.now()
  await worker.terminate()
  slowest = Math.max(slowest, Date.now() - started)
}
if ((await ask(guard)).kind !== 'principal') throw new Error('the main thread lost its guard')
console.log(`done slowest=${slowest}`)
