// What people do with the pages: log in, say yes or no, come back, change accounts. JavaScript is off throughout.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ADA, GRACE, RESOURCE, SERVER_NAME, Scene } from './support.mjs'

let scene

before(async () => {
  scene = await Scene.start()
})
after(() => scene?.stop())

const visit = (name, body, options) => it(name, (context) => scene.visit(body, options)(context))

describe('logging in', () => {
  visit('whoever logs in and allows comes back with a code, the state and the issuer', async (visitor) => {
    const flow = await scene.begin(scene.loopback.redirectUri)
    await visitor.openConsent(flow)
    await visitor.button('Allow').click()
    const answer = await visitor.isBack(scene.loopback)
    assert.equal(answer.get('state'), flow.state)
    assert.equal(answer.get('iss'), scene.as.issuer)
    const token = await scene.redeem(flow, answer.get('code'))
    assert.equal(token.status, 200)
    assert.equal(token.scope, 'files:read')
  })

  visit('a wrong password is refused with a message, and the address stays', async (visitor) => {
    const flow = await scene.begin(scene.loopback.redirectUri)
    await visitor.open(flow.url)
    assert.equal(await visitor.alert.count(), 0)
    await visitor.logIn({ ...ADA, password: 'not her password' })
    await visitor.alert.waitFor()
    assert.match(await visitor.alert.innerText(), /password/i)
    assert.equal(await visitor.page.getByLabel('E-mail address').inputValue(), ADA.email)
    assert.equal(await visitor.page.getByLabel('Password').inputValue(), '')
    assert.match(await visitor.page.title(), /^Error/)
    await visitor.page.getByLabel('Password').fill(ADA.password)
    await visitor.button('Log in').click()
    await visitor.button('Allow').waitFor()
  })

  visit('an unknown person gets the very same answer as a wrong password', async (visitor) => {
    const flow = await scene.begin(scene.loopback.redirectUri)
    await visitor.open(flow.url)
    await visitor.logIn({ ...ADA, password: 'not her password' })
    const message = await visitor.alert.innerText()
    const answered = visitor.page.waitForResponse((response) => response.request().method() === 'POST')
    await visitor.logIn({ email: 'nobody@example.com', password: 'not her password' })
    await (await answered).finished()
    await visitor.page.waitForLoadState()
    assert.equal(await visitor.page.getByLabel('E-mail address').inputValue(), 'nobody@example.com')
    assert.equal(await visitor.alert.innerText(), message)
  })

  visit('the password stays out of every address and every page', async (visitor) => {
    const flow = await scene.begin(scene.loopback.redirectUri)
    await visitor.open(flow.url)
    const secret = 'unmistakable-8271'
    await visitor.logIn({ ...ADA, password: secret })
    await visitor.alert.waitFor()
    assert.ok(!(await visitor.page.content()).includes(secret))
    assert.deepEqual(
      visitor.requests.filter(({ url }) => url.includes(secret)),
      [],
    )
  })
})

describe('the question', () => {
  visit('it names the server, its address, every scope, where the access goes, and who is logged in', async (visitor) => {
    const flow = await scene.begin(scene.loopback.redirectUri, { scope: 'files:read files:write' })
    await visitor.openConsent(flow)
    const text = await visitor.page.getByRole('main').innerText()
    for (const wanted of [
      SERVER_NAME,
      RESOURCE,
      'files:read',
      'files:write',
      new URL(scene.loopback.origin).host,
      ADA.email,
      'It calls itself Notebook',
    ])
      assert.ok(text.includes(wanted), `${wanted} is not in: ${text}`)
    assert.match(await visitor.heading.innerText(), /unverified\sapp/)
  })

  visit('the whole redirect URI can be unfolded', async (visitor) => {
    await visitor.openConsent(await scene.begin(scene.loopback.redirectUri))
    const whole = visitor.page.getByText(scene.loopback.redirectUri, { exact: true })
    assert.equal(await whole.isVisible(), false)
    await visitor.page.getByText('Full address').click()
    assert.equal(await whole.isVisible(), true)
  })

  visit('a program on this computer comes with a warning, a site does not', async (visitor) => {
    const warning = visitor.page.getByText('Did you start this yourself, just now?')
    await visitor.openConsent(await scene.begin(scene.loopback.redirectUri))
    assert.equal(await warning.isVisible(), true)
    await visitor.open((await scene.begin(scene.web.redirectUri)).url)
    await visitor.button('Allow').waitFor()
    assert.equal(await warning.count(), 0)
  })

  visit('an app that claims a scheme comes with a warning, and allowing it leads there', async (visitor) => {
    const flow = await scene.begin('cursor://anysphere.cursor-mcp/oauth/callback')
    await visitor.openConsent(flow)
    const warning = visitor.page.getByText('The access goes to the app on this device that opens cursor: links')
    assert.equal(await warning.isVisible(), true)
    const answer = await visitor.post(await visitor.formOf('Allow'))
    assert.equal(answer.status, 303)
    const location = new URL(answer.headers.get('location'))
    assert.equal(location.href.split('?')[0], flow.redirectUri)
    assert.equal((await scene.redeem(flow, location.searchParams.get('code'))).status, 200)
  })

  visit('a name full of markup is shown as it is', async (visitor) => {
    const name = '<b>Bold</b> & "quoted" {{csrf}} \' <script>alert(1)</script>'
    await visitor.openConsent(await scene.begin(scene.loopback.redirectUri, { name }))
    assert.equal(await visitor.page.locator('q').first().innerText(), name)
    assert.equal(await visitor.page.locator('script').count(), 0)
  })

  visit('a client without a name is told to be one', async (visitor) => {
    await visitor.openConsent(await scene.begin(scene.loopback.redirectUri, { name: null }))
    assert.equal(await visitor.page.getByText('It has not said its name').isVisible(), true)
    assert.equal(await visitor.page.locator('q').count(), 0)
  })
})

describe('saying no', () => {
  visit('whoever denies comes back with access_denied and without a code', async (visitor) => {
    const flow = await scene.begin(scene.loopback.redirectUri)
    await visitor.openConsent(flow)
    await visitor.button('Deny').click()
    const answer = await visitor.isBack(scene.loopback)
    assert.equal(answer.get('error'), 'access_denied')
    assert.equal(answer.get('state'), flow.state)
    assert.equal(answer.get('iss'), scene.as.issuer)
    assert.equal(answer.has('code'), false)
  })

  visit('a no is not remembered: the next time the question comes again', async (visitor) => {
    const flow = await scene.begin(scene.web.redirectUri, { name: 'Denied once' })
    await visitor.openConsent(flow)
    await visitor.button('Deny').click()
    await visitor.isBack(scene.web)
    await visitor.open(scene.again(flow).url)
    await visitor.button('Allow').waitFor()
  })
})

describe('coming back', () => {
  visit('a site that was allowed before is not asked about again', async (visitor) => {
    const flow = await scene.begin(scene.web.redirectUri, { name: 'Remembered' })
    await visitor.openConsent(flow)
    await visitor.button('Allow').click()
    await visitor.isBack(scene.web)
    const next = scene.again(flow)
    await visitor.open(next.url)
    const answer = await visitor.isBack(scene.web)
    assert.equal(answer.get('state'), next.state)
    assert.equal((await scene.redeem(next, answer.get('code'))).status, 200)
  })

  visit('it is asked about again when it wants more', async (visitor) => {
    const flow = await scene.begin(scene.web.redirectUri, { name: 'Wants more' })
    await visitor.openConsent(flow)
    await visitor.button('Allow').click()
    await visitor.isBack(scene.web)
    await visitor.open(scene.again(flow, { scope: 'files:read files:write' }).url)
    await visitor.button('Allow').waitFor()
  })

  visit('it is asked about again when it demands it', async (visitor) => {
    const flow = await scene.begin(scene.web.redirectUri, { name: 'Demands it' })
    await visitor.openConsent(flow)
    await visitor.button('Allow').click()
    await visitor.isBack(scene.web)
    await visitor.open(scene.again(flow, { prompt: 'consent' }).url)
    await visitor.button('Allow').waitFor()
  })

  visit('a program on this computer is asked about every time', async (visitor) => {
    const flow = await scene.begin(scene.loopback.redirectUri, { name: 'Every time' })
    await visitor.openConsent(flow)
    await visitor.button('Allow').click()
    await visitor.isBack(scene.loopback)
    await visitor.open(scene.again(flow).url)
    await visitor.button('Allow').waitFor()
  })
})

describe('who it is', () => {
  visit('"Not you?" logs out, asks for another login, and the code is that person’s', async (visitor) => {
    const flow = await scene.begin(scene.loopback.redirectUri)
    await visitor.openConsent(flow)
    await visitor.button('Not you?').click()
    await visitor.logIn(GRACE)
    await visitor.button('Allow').waitFor()
    const text = await visitor.page.getByRole('main').innerText()
    assert.ok(text.includes(GRACE.email) && !text.includes(ADA.email))
    await visitor.button('Allow').click()
    const token = await scene.redeem(flow, (await visitor.isBack(scene.loopback)).get('code'))
    assert.equal(token.status, 200)
    const response = await fetch(`${scene.as.issuer}/userinfo`, { headers: { authorization: `Bearer ${token.access_token}` } })
    assert.equal((await response.json()).email, GRACE.email)
  })

  visit('logging out asks first; afterwards the password is asked for again', async (visitor) => {
    const flow = await scene.begin(scene.loopback.redirectUri)
    await visitor.openConsent(flow)
    await visitor.open(`${scene.as.issuer}/logout`)
    assert.ok((await visitor.page.getByRole('main').innerText()).includes(ADA.email))
    await visitor.open(scene.again(flow).url)
    await visitor.button('Allow').waitFor()
    await visitor.open(`${scene.as.issuer}/logout`)
    await visitor.button('Log out').click()
    await visitor.page.getByRole('heading', { name: /logged out/i }).waitFor()
    await visitor.open(scene.again(flow).url)
    await visitor.button('Log in').waitFor()
  })

  visit('two authorizations in two tabs end each at its own client', async (visitor) => {
    const [first, second] = [
      await scene.begin(scene.loopback.redirectUri),
      await scene.begin(scene.web.redirectUri, { name: 'Second tab' }),
    ]
    await visitor.openConsent(first)
    const tab = visitor.page
    visitor.page = await visitor.context.newPage()
    await visitor.open(second.url)
    await visitor.button('Allow').click()
    assert.equal((await visitor.isBack(scene.web)).get('state'), second.state)
    visitor.page = tab
    await visitor.button('Allow').click()
    assert.equal((await visitor.isBack(scene.loopback)).get('state'), first.state)
  })
})

describe('the keyboard alone', () => {
  /** The browser gives the focus with the first picture, which may come after the page. */
  const focused = (visitor, label) => visitor.page.locator('input:focus').and(visitor.page.getByLabel(label)).waitFor()

  async function tabTo(visitor, locator) {
    for (let step = 0; step < 12; step++) {
      if (await locator.evaluate((element) => element === document.activeElement)) return
      await visitor.page.keyboard.press('Tab')
    }
    assert.fail('Tab does not lead there')
  }

  visit('it is enough from the login to the code', async (visitor) => {
    const { keyboard } = visitor.page
    const flow = await scene.begin(scene.loopback.redirectUri)
    await visitor.open(flow.url)
    await focused(visitor, 'E-mail address')
    await keyboard.type(ADA.email)
    await keyboard.press('Tab')
    await keyboard.type(ADA.password)
    await keyboard.press('Enter')
    await visitor.button('Allow').waitFor()
    await tabTo(visitor, visitor.button('Allow'))
    await keyboard.press('Enter')
    const answer = await visitor.isBack(scene.loopback)
    assert.equal((await scene.redeem(flow, answer.get('code'))).status, 200)
  })

  visit('after a wrong password it goes on in the password field', async (visitor) => {
    const { keyboard } = visitor.page
    await visitor.open((await scene.begin(scene.loopback.redirectUri)).url)
    await focused(visitor, 'E-mail address')
    await keyboard.type(ADA.email)
    await keyboard.press('Tab')
    await keyboard.type('not her password')
    await keyboard.press('Enter')
    await visitor.alert.waitFor()
    await focused(visitor, 'Password')
    await keyboard.type(ADA.password)
    await keyboard.press('Enter')
    await visitor.button('Allow').waitFor()
  })

  visit('nothing is allowed by Enter alone, and Deny comes before Allow', async (visitor) => {
    await visitor.openConsent(await scene.begin(scene.loopback.redirectUri))
    const before = visitor.page.url()
    await visitor.page.keyboard.press('Enter')
    assert.equal(visitor.page.url(), before)
    await tabTo(visitor, visitor.button('Deny'))
    await visitor.page.keyboard.press('Tab')
    assert.equal(await visitor.button('Allow').evaluate((element) => element === document.activeElement), true)
  })
})
