import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { ask, makeGuard } from './common.mjs'

const issuer = process.argv[2]
const guard = makeGuard(issuer)

async function inWorker() {
  const worker = new Worker(new URL('worker.mjs', import.meta.url), { workerData: { issuer } })
  const exit = once(worker, 'exit')
  const [kind] = await once(worker, 'message')
  await exit
  return kind
}

const kinds = await Promise.all([inWorker(), inWorker(), inWorker()])
console.log(...kinds, 'main', (await ask(guard)).kind)
