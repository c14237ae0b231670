import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, makeGuard } from './common.mjs'

const issuer = process.argv[2]
const threads = () => readdirSync('/proc/self/task').length

async function round(count) {
  for (let i = 0; i < count; i++) await ask(makeGuard(issuer))
}

async function settle(limit) {
  for (let i = 0; i < 50 && threads() > limit; i++) {
    globalThis.gc()
    await sleep(20)
  }
}

await ask(makeGuard(issuer))
await settle(0)
const before = threads()
await round(30)
await settle(before)
if (threads() > before) throw new Error(`${threads() - before} threads of guards are left`)
console.log('threads back to where they were')
