import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { test } from 'node:test'
import { guardOf, judge, request, withAs } from './support.mjs'

test('100 parallel requests with one new token make one introspection', async () => {
  await withAs(async (as) => {
    const guard = guardOf(as)
    as.grant('good')
    as.delayMs = 50
    const verdicts = await Promise.all(Array.from({ length: 100 }, () => guard.authorize(request('good'))))
    assert.equal(as.introspections, 1)
    assert.equal(new Set(verdicts).size, 1)
    assert.equal(verdicts[0].kind, 'principal')
  })
})

test('different tokens are asked about separately', async () => {
  await withAs(async (as) => {
    const guard = guardOf(as)
    const tokens = Array.from({ length: 20 }, (_, i) => as.grant(`good${i}`, { sub: `usr_${i}` }))
    const verdicts = await Promise.all(tokens.map((token) => judge(guard, token)))
    assert.deepEqual(
      verdicts.map((verdict) => verdict.id),
      tokens.map((_, i) => `usr_${i}`),
    )
    assert.equal(as.introspections, 20)
  })
})

test('more principals than are kept as objects are still told apart', async () => {
  await withAs(async (as) => {
    const guard = guardOf(as)
    const tokens = Array.from({ length: 1500 }, (_, i) => as.grant(`many${i}`, { sub: `usr_${i}` }))
    for (let i = 0; i < tokens.length; i += 50) await Promise.all(tokens.slice(i, i + 50).map((token) => judge(guard, token)))
    for (const [i, token] of tokens.entries()) assert.equal(guard.check('GET', '/', `Bearer ${token}`).id, `usr_${i}`)
  })
})

test('aborting one waiter rejects it alone, with the reason of the signal', async () => {
  await withAs(async (as) => {
    const guard = guardOf(as)
    as.grant('good')
    as.delayMs = 100
    const controller = new AbortController()
    const first = guard.authorize(request('good'), controller.signal)
    const second = guard.authorize(request('good'))
    const reason = new Error('gone')
    controller.abort(reason)
    await assert.rejects(first, (error) => error === reason)
    assert.equal((await second).kind, 'principal')
    assert.equal(as.introspections, 1)
  })
})

test('a signal that is aborted already asks nothing', async () => {
  await withAs(async (as) => {
    const guard = guardOf(as)
    as.grant('good')
    assert.equal((await guard.authorize(request('good'), new AbortController().signal)).kind, 'principal')
    await assert.rejects(guard.authorize(request('other'), AbortSignal.abort()), { name: 'AbortError' })
    assert.equal(as.introspections, 1)
  })
})

test('aborting after the verdict changes nothing, and no listener stays', async () => {
  await withAs(async (as) => {
    const guard = guardOf(as)
    as.grant('good')
    const controller = new AbortController()
    let listeners = 0
    const { addEventListener, removeEventListener } = controller.signal
    controller.signal.addEventListener = function (...args) {
      listeners++
      return addEventListener.apply(this, args)
    }
    controller.signal.removeEventListener = function (...args) {
      listeners--
      return removeEventListener.apply(this, args)
    }
    const verdict = await guard.authorize(request('good'), controller.signal)
    controller.abort()
    assert.equal(verdict.kind, 'principal')
    assert.equal(listeners, 0)
  })
})

test('an abort that meets its verdict in the queue settles once', async () => {
  await withAs(async (as) => {
    const guard = guardOf(as)
    as.grant('good')
    await judge(guard, 'good')
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const controller = new AbortController()
        const waiting = guard.authorize(request('good'), controller.signal)
        for (let spin = 0; spin < i * 500; spin++);
        controller.abort(new Error('late'))
        return waiting.then(
          (verdict) => verdict.kind,
          (error) => error.message,
        )
      }),
    )
    assert.ok(outcomes.every((outcome) => outcome === 'principal' || outcome === 'late'))
    assert.equal((await judge(guard, 'good')).kind, 'principal')
  })
})

test('a timeout of AbortSignal works while the authorization server hangs', async () => {
  await withAs(async (as) => {
    const guard = guardOf(as)
    as.misbehave = () => {}
    const started = Date.now()
    await assert.rejects(guard.authorize(request('slow'), AbortSignal.timeout(100)), { name: 'TimeoutError' })
    assert.ok(Date.now() - started < 2000)
  })
})

test('an authorization server that hangs is a 503 after the timeout', async () => {
  await withAs(async (as) => {
    const guard = guardOf(as, { timeout: 0.3 })
    as.grant('good')
    assert.equal((await judge(guard, 'good')).kind, 'principal')
    as.misbehave = () => {}
    const verdict = await judge(guard, 'slow')
    assert.equal(verdict.status, 503)
    assert.equal(verdict.code, 'REMOTE_TIMEOUT')
  })
})

test('a closed guard refuses new requests and answers those under way', async () => {
  await withAs(async (as) => {
    const guard = guardOf(as)
    as.grant('good')
    as.delayMs = 50
    const waiting = guard.authorize(request('good'))
    guard.close()
    guard.close()
    assert.equal((await waiting).kind, 'principal')
    assert.throws(() => guard.check('GET', '/'), { code: 'CLOSED' })
    assert.throws(() => guard.stats(), { code: 'CLOSED' })
    await assert.rejects(guard.authorize(request('good')), { code: 'CLOSED' })
  })
})

test('the asynchronous context is the one of the caller', async () => {
  await withAs(async (as) => {
    const guard = guardOf(as)
    const storage = new AsyncLocalStorage()
    as.grant('good')
    const seen = await Promise.all(
      ['a', 'b', 'c'].map((name) => storage.run(name, () => guard.authorize(request('good')).then(() => storage.getStore()))),
    )
    assert.deepEqual(seen, ['a', 'b', 'c'])
  })
})

test('two guards keep their facts apart', async () => {
  await withAs((one) =>
    withAs(async (two) => {
      one.grant('good', { sub: 'one' })
      const first = guardOf(one)
      const second = guardOf(two)
      assert.equal((await judge(first, 'good')).id, 'one')
      assert.equal((await judge(second, 'good')).status, 401)
    }),
  )
})
