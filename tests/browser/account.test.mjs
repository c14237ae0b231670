// What people do on the account page: see what they allowed, take it back, log out elsewhere. JavaScript is off throughout.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ADA, GRACE, RESOURCE, SERVER_NAME, Scene, Visitor } from './support.mjs'

let scene

before(async () => {
  scene = await Scene.start()
})
after(() => scene?.stop())

const visit = (name, body, options) => it(name, (context) => scene.visit(body, options)(context))
const ACCOUNT = () => `${scene.as.issuer}/account`
const REMOVED = () => `${ACCOUNT()}?done=removed`

/** The part of the page about the application of this name. */
const entry = (visitor, name) =>
  visitor.page.getByRole('listitem').filter({ has: visitor.page.getByRole('heading', { name: new RegExp(`calls itself.*${name}`) }) })

const removal = (visitor, name) => entry(visitor, name).getByRole('button', { name: /^Remove access/ })

async function openAccount(visitor, person) {
  await visitor.open(ACCOUNT())
  await visitor.logIn(person)
  await visitor.page.waitForURL(ACCOUNT())
}

const isActive = async ({ access_token: token }) =>
  (await fetch(`${scene.as.issuer}/userinfo`, { headers: { authorization: `Bearer ${token}` } })).status === 200

/** Revokes the tokens (RFC 7009), as an application that is told to forget them does. */
async function giveUp(flow, tokens) {
  const body = new URLSearchParams({ token: tokens.refresh_token, client_id: flow.clientId })
  assert.equal((await fetch(`${scene.as.issuer}/revoke`, { method: 'POST', body })).status, 200)
  assert.equal(await isActive(tokens), false)
}

describe('the account', () => {
  visit('whoever is not logged in logs in first and comes back', async (visitor) => {
    await visitor.open(ACCOUNT())
    await visitor.button('Log in').waitFor()
    await visitor.logIn({ ...GRACE, password: 'not her password' })
    await visitor.alert.waitFor()
    await visitor.logIn(GRACE)
    await visitor.page.waitForURL(ACCOUNT())
    const text = await visitor.page.getByRole('main').innerText()
    for (const wanted of [GRACE.email, 'No application has access.', 'You are logged in nowhere else.', 'This browser'])
      assert.ok(text.includes(wanted), `${wanted} is not in: ${text}`)
  })

  visit('what was allowed is named, and removed by its button alone', async (visitor) => {
    await openAccount(visitor, ADA)
    const kept = await visitor.allow(await scene.begin(scene.loopback.redirectUri, { name: 'Kept' }), scene.loopback)
    const flow = await scene.begin(scene.web.redirectUri, { name: 'Removed', scope: 'files:read files:write' })
    const removed = await visitor.allow(flow, scene.web)
    await visitor.open(ACCOUNT())
    const text = await entry(visitor, 'Removed').innerText()
    for (const wanted of [SERVER_NAME, RESOURCE, 'Read files, Change files', 'UTC']) assert.ok(text.includes(wanted), `${wanted}: ${text}`)
    assert.ok((await isActive(kept)) && (await isActive(removed)))
    await removal(visitor, 'Removed').click()
    await visitor.page.waitForURL(REMOVED())
    assert.equal(await visitor.page.getByRole('status').innerText(), 'Access was removed.')
    await entry(visitor, 'Removed').waitFor({ state: 'detached' })
    assert.equal(await entry(visitor, 'Kept').count(), 1)
    assert.equal(await isActive(removed), false)
    assert.equal(await isActive(kept), true)
    await visitor.open(scene.again(flow).url) // a site that was remembered
    await visitor.button('Allow').waitFor()
  })

  visit('an application that came back often is one entry, and one click removes it', async (visitor) => {
    await openAccount(visitor, ADA)
    const flow = await scene.begin(scene.web.redirectUri, { name: 'Often' })
    const tokens = [await visitor.allow(flow, scene.web)]
    for (let times = 0; times < 3; times++) {
      const again = scene.again(flow)
      await visitor.open(again.url) // no question
      tokens.push(await scene.redeem(again, (await visitor.isBack(scene.web)).get('code')))
    }
    await visitor.open(ACCOUNT())
    assert.equal(await entry(visitor, 'Often').count(), 1)
    assert.deepEqual(await Promise.all(tokens.map(isActive)), [true, true, true, true])
    await removal(visitor, 'Often').click()
    await visitor.page.waitForURL(REMOVED())
    assert.equal(await entry(visitor, 'Often').count(), 0)
    assert.deepEqual(await Promise.all(tokens.map(isActive)), [false, false, false, false])
  })

  visit('an application that gave its access up is seen and removed, and has to ask when it returns', async (visitor) => {
    await openAccount(visitor, ADA)
    const flow = await scene.begin(scene.web.redirectUri, { name: 'Gave up' })
    await giveUp(flow, await visitor.allow(flow, scene.web))
    await visitor.open(ACCOUNT())
    await entry(visitor, 'Gave up').getByText('It has no access at the moment').waitFor()
    await removal(visitor, 'Gave up').click()
    await visitor.page.waitForURL(REMOVED())
    assert.equal(await entry(visitor, 'Gave up').count(), 0)
    await visitor.open(scene.again(flow).url)
    await visitor.button('Allow').waitFor()
  })

  visit('no two buttons have the same name', async (visitor) => {
    await openAccount(visitor, ADA)
    for (const callback of [scene.loopback, scene.web])
      await visitor.allow(await scene.begin(callback.redirectUri, { name: 'Same name' }), callback)
    await visitor.open(ACCOUNT())
    const buttons = await removal(visitor, 'Same name').all()
    assert.equal(buttons.length, 2)
    const names = await Promise.all(buttons.map((button) => button.ariaSnapshot()))
    assert.notEqual(names[0], names[1])
    for (const name of names) assert.ok(name.includes(SERVER_NAME) && name.includes('Same name'), name)
    for (const button of [buttons[1], buttons[0]]) await button.click()
  })

  visit('the keyboard alone is enough', async (visitor) => {
    await openAccount(visitor, ADA)
    await visitor.allow(await scene.begin(scene.loopback.redirectUri, { name: 'By keyboard' }), scene.loopback)
    await visitor.open(ACCOUNT())
    const button = removal(visitor, 'By keyboard')
    for (let step = 0; step < 12; step++) {
      if (await button.evaluate((element) => element === document.activeElement)) break
      await visitor.page.keyboard.press('Tab')
    }
    await visitor.page.keyboard.press('Enter')
    await entry(visitor, 'By keyboard').waitFor({ state: 'detached' })
  })

  visit('a button pressed twice, in two tabs, or by two at once, ends well', async (visitor) => {
    await openAccount(visitor, ADA)
    await visitor.allow(await scene.begin(scene.loopback.redirectUri, { name: 'Twice' }), scene.loopback)
    await visitor.open(ACCOUNT())
    const button = removal(visitor, 'Twice')
    const form = visitor.page.locator('form', { has: button })
    const fields = await form.locator('input').evaluateAll((inputs) => inputs.map(({ name, value }) => [name, value]))
    const body = new URLSearchParams([...fields, ['access', await button.getAttribute('value')]])
    const answers = await Promise.all(Array.from({ length: 8 }, () => visitor.post({ url: ACCOUNT(), body })))
    for (const answer of answers) {
      assert.equal(answer.status, 303)
      assert.equal(answer.headers.get('location'), '/account?done=removed')
    }
    await button.dblclick()
    await entry(visitor, 'Twice').waitFor({ state: 'detached' })
    body.set('csrf', 'AAAA')
    assert.equal((await visitor.post({ url: ACCOUNT(), body })).status, 403)
  })

  visit('everywhere else is logged out by one button, here by another', async (visitor) => {
    const other = await Visitor.arrive(scene)
    try {
      await openAccount(other, ADA)
      await openAccount(visitor, ADA)
      await visitor.button('Log out everywhere else').click()
      await visitor.page.getByText('You are logged in nowhere else.').waitFor()
      assert.equal(await visitor.page.getByRole('status').innerText(), 'You are logged out everywhere else.')
      await other.open(ACCOUNT())
      await other.button('Log in').waitFor()
    } finally {
      await other.leave()
    }
    await visitor.button('Log out').click()
    await visitor.page.getByRole('heading', { name: /logged out/i }).waitFor()
    await visitor.page.getByRole('link', { name: 'See what you have allowed' }).click()
    await visitor.button('Log in').waitFor()
  })
})
