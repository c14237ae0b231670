import { parentPort, workerData } from 'node:worker_threads'
import { ask, makeGuard } from './common.mjs'

const guard = makeGuard(workerData.issuer)
if (workerData.endless) {
  parentPort.postMessage('started')
  for (let i = 0; ; i++) await Promise.all([ask(guard, `a${i}`), ask(guard, `b${i}`), ask(guard)])
}
parentPort.postMessage((await ask(guard)).kind)
