// What must not work, whoever tries: each refusal stands beside the same step done right.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ADA, GRACE, Scene, Visitor } from './support.mjs'

let scene

before(async () => {
  scene = await Scene.start()
})
after(() => scene?.stop())

const visit = (name, body, options) => it(name, (context) => scene.visit(body, options)(context))

/** An answer on our own page: no redirect, and no code anywhere. */
async function checkRefused(answer) {
  assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status}`)
  assert.equal(answer.headers.get('location'), null)
  assert.match(answer.headers.get('content-type'), /^text\/html/)
  assert.doesNotMatch(await answer.text(), /[?&]code=/)
}

describe('one answer', () => {
  visit('the form sent ten times at once gives one code', async (visitor) => {
    const flow = await scene.begin(scene.loopback.redirectUri)
    await visitor.openConsent(flow)
    const form = await visitor.formOf('Allow')
    const answers = await Promise.all(Array.from({ length: 10 }, () => visitor.post(form)))
    const given = answers.filter(({ status }) => status === 303)
    const codes = new Set(given.map((answer) => new URL(answer.headers.get('location')).searchParams.get('code')))
    assert.equal(codes.size, 1)
    for (const answer of answers.filter(({ status }) => status !== 303)) await checkRefused(answer)
    assert.equal((await scene.redeem(flow, [...codes][0])).status, 200)
  })

  visit('a double click gives one code and leads back', async (visitor) => {
    const flow = await scene.begin(scene.loopback.redirectUri)
    const count = scene.loopback.codes.length
    await visitor.openConsent(flow)
    await visitor.button('Allow').dblclick()
    await visitor.isBack(scene.loopback)
    await visitor.page.waitForLoadState()
    assert.equal(scene.loopback.codes.length, count + 1)
  })

  visit('Allow after Deny is too late', async (visitor) => {
    await visitor.openConsent(await scene.begin(scene.loopback.redirectUri))
    const [allow, deny] = [await visitor.formOf('Allow'), await visitor.formOf('Deny')]
    assert.equal((await visitor.post(deny)).status, 303)
    await checkRefused(await visitor.post(allow))
  })

  visit('Back after the answer leads to a page that says so, not to a second code', async (visitor) => {
    const flow = await scene.begin(scene.loopback.redirectUri)
    await visitor.openConsent(flow)
    const asked = visitor.page.url()
    await visitor.button('Allow').click()
    await visitor.isBack(scene.loopback)
    const count = scene.loopback.codes.length
    await visitor.page.goBack()
    await visitor.page.waitForURL(asked)
    assert.equal(await visitor.button('Allow').count(), 0)
    assert.ok((await visitor.heading.innerText()).length > 0)
    assert.equal(scene.loopback.codes.length, count)
  })
})

describe('one browser', () => {
  visit('the address of the question is worth nothing in another browser', async (visitor) => {
    await visitor.openConsent(await scene.begin(scene.loopback.redirectUri))
    const thief = await Visitor.arrive(scene)
    try {
      await thief.openConsent(await scene.begin(scene.loopback.redirectUri), GRACE) // logged in, as anybody can be
      const response = await thief.open(visitor.page.url())
      assert.ok(response.status() >= 400 && response.status() < 500)
      assert.equal(await thief.button('Allow').count(), 0)
    } finally {
      await thief.leave()
    }
    await visitor.button('Allow').click()
    await visitor.isBack(scene.loopback)
  })

  visit('its form is worth nothing in another browser', async (visitor) => {
    await visitor.openConsent(await scene.begin(scene.loopback.redirectUri))
    const form = await visitor.formOf('Allow')
    const thief = await Visitor.arrive(scene)
    try {
      await thief.openConsent(await scene.begin(scene.loopback.redirectUri), GRACE)
      await checkRefused(await thief.post(form))
    } finally {
      await thief.leave()
    }
    assert.equal((await visitor.post(form)).status, 303)
  })

  visit('a login page that somebody else began does not log anybody in', async (visitor) => {
    const attacker = await Visitor.arrive(scene)
    try {
      await attacker.open((await scene.begin(scene.loopback.redirectUri)).url)
      await visitor.open(attacker.page.url())
      assert.equal(await visitor.page.getByLabel('Password').count(), 0)
    } finally {
      await attacker.leave()
    }
    await visitor.openConsent(await scene.begin(scene.loopback.redirectUri))
  })

  for (const spoil of ['', 'AAAA', undefined])
    visit(`without its token (${spoil === undefined ? 'left out' : `"${spoil}"`}) the form is refused`, async (visitor) => {
      await visitor.openConsent(await scene.begin(scene.loopback.redirectUri))
      const [form, spoilt] = [await visitor.formOf('Allow'), await visitor.formOf('Allow')]
      if (spoil === undefined) spoilt.body.delete('csrf')
      else spoilt.body.set('csrf', spoil)
      await checkRefused(await visitor.post(spoilt))
      assert.equal((await visitor.post(form)).status, 303)
    })

  visit('cookies are for us alone, and no script can read them', async (visitor) => {
    await visitor.openConsent(await scene.begin(scene.loopback.redirectUri))
    const cookies = await visitor.context.cookies()
    assert.ok(cookies.length > 0)
    for (const { name, httpOnly, sameSite } of cookies) assert.deepEqual({ httpOnly, sameSite }, { httpOnly: true, sameSite: 'Lax' }, name)
  })
})

describe('other sites', () => {
  const framed = async (visitor, url) => {
    scene.web.page = `<!doctype html><title>A trap</title><iframe src="${url}"></iframe><iframe src="${scene.loopback.origin}/frame"></iframe>`
    try {
      await visitor.open(`${scene.web.origin}/trap`)
    } finally {
      scene.web.page = ''
    }
    return visitor.page.mainFrame().childFrames()
  }

  it('none may put our pages into a frame', async () => {
    const visitor = await Visitor.arrive(scene)
    try {
      const flow = await scene.begin(scene.loopback.redirectUri)
      await visitor.openConsent(flow)
      for (const url of [visitor.page.url(), scene.again(flow).url, `${scene.as.issuer}/logout`, `${scene.as.issuer}/account`]) {
        const [ours, other] = await framed(visitor, url)
        await ours.waitForURL(/^chrome-error:/, { waitUntil: 'commit' })
        await other.waitForURL(`${scene.loopback.origin}/frame`) // frames as such do load
      }
    } finally {
      await visitor.leave()
    }
  })

  visit('every page says so, and forbids scripts, foreign images and being kept', async (visitor) => {
    const flow = await scene.begin(scene.loopback.redirectUri)
    const look = async (response) => ({ headers: response.headers(), page: await response.text() })
    const pages = [await look(await visitor.open(flow.url))]
    await visitor.logIn(ADA)
    await visitor.button('Allow').waitFor()
    pages.push(await look(await visitor.page.reload()))
    pages.push(await look(await visitor.open(`${scene.as.issuer}/logout`)))
    pages.push(await look(await visitor.open(`${scene.as.issuer}/account`)))
    pages.push(await look(await visitor.open(`${scene.as.issuer}/authorize?client_id=nobody`)))
    for (const { headers, page } of pages) {
      const policy = headers['content-security-policy']
      assert.match(policy, /default-src 'none'/)
      assert.match(policy, /frame-ancestors 'none'/)
      assert.doesNotMatch(policy, /script-src|unsafe|form-action|\*/)
      assert.equal(headers['x-frame-options'], 'DENY')
      assert.equal(headers['referrer-policy'], 'no-referrer')
      assert.match(headers['cache-control'], /no-store/)
      assert.equal(headers['access-control-allow-origin'], undefined)
      assert.match(page, /<h1>/)
      assert.doesNotMatch(page, /<script|\sstyle=|\son\w+=|javascript:/i)
    }
  })

  visit('the client learns nothing from the Referer header', async (visitor) => {
    await visitor.openConsent(await scene.begin(scene.web.redirectUri, { name: 'No referrer' }))
    const back = visitor.page.waitForRequest((request) => request.url().startsWith(scene.web.origin))
    await visitor.button('Allow').click()
    assert.equal((await (await back).allHeaders()).referer, undefined)
  })

  visit('a redirect URI that was not registered stays on our page', async (visitor) => {
    const flow = await scene.begin(scene.web.redirectUri, { name: 'Registered elsewhere' })
    const stray = new URL(flow.url)
    stray.searchParams.set('redirect_uri', `${scene.web.origin}/elsewhere`)
    const response = await visitor.open(stray.href)
    assert.equal(response.status(), 400)
    assert.equal(new URL(visitor.page.url()).origin, scene.as.issuer)
    assert.equal(await visitor.page.locator('form').count(), 0)
    await visitor.openConsent(flow)
  })
})
