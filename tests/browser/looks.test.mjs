// How the pages look and how well everybody can use them: light, dark, on a small phone, with assistive technology, with any name.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ADA, GRACE, LOOKS, SERVER_NAME, Scene, Visitor } from './support.mjs'

const TARGET_MIN = 24 // CSS pixels, WCAG 2.2 §2.5.8
const BUTTON_MIN = 44 // CSS pixels, WCAG 2.2 §2.5.5: what a thumb hits
const LONG_NAME = 'W'.repeat(200) // the longest a client may choose

let scene

before(async () => {
  scene = await Scene.start()
})
after(() => scene?.stop())

const visit = (name, body, options) => it(name, (context) => scene.visit(body, options)(context))

const begin = (more) => scene.begin(scene.loopback.redirectUri, { scope: 'files:read files:write', ...more })

/** The account of somebody who allowed these, on another device too. */
async function openAccount(visitor, wishes) {
  const other = await Visitor.arrive(scene)
  try {
    await other.openConsent(await begin())
    for (const wish of wishes) await other.allow(await begin(wish), scene.loopback)
  } finally {
    await other.leave()
  }
  await visitor.open(`${scene.as.issuer}/account`)
  await visitor.logIn(ADA)
  await visitor.button('Log out everywhere else').waitFor()
}

/** Each page and the way to it. */
const PAGES = {
  login: async (visitor) => visitor.open((await begin()).url),
  'login-error': async (visitor) => {
    await visitor.open((await begin()).url)
    await visitor.logIn({ ...ADA, password: 'not her password' })
    await visitor.alert.waitFor()
  },
  consent: async (visitor) => visitor.openConsent(await begin()),
  'consent-web': async (visitor) => visitor.openConsent(await scene.begin(scene.web.redirectUri, { name: 'Looked at' })),
  'consent-long': async (visitor) => visitor.openConsent(await begin({ name: LONG_NAME })),
  'consent-nameless': async (visitor) => visitor.openConsent(await begin({ name: null })),
  error: async (visitor) => visitor.open(`${scene.as.issuer}/authorize?client_id=nobody&redirect_uri=https%3A%2F%2Fapp.example.com%2F`),
  logout: async (visitor) => {
    await visitor.openConsent(await begin())
    await visitor.open(`${scene.as.issuer}/logout`)
  },
  account: async (visitor) => openAccount(visitor, [{}, { name: 'Looked at' }]),
  'account-long': async (visitor) => openAccount(visitor, [{ name: LONG_NAME, scope: 'files:read files:write' }, { name: null }]),
  'account-empty': async (visitor) => {
    await visitor.open(`${scene.as.issuer}/account`)
    await visitor.logIn(GRACE)
    await visitor.page.getByRole('heading', { name: 'Your account' }).waitFor()
  },
  'account-removed': async (visitor) => {
    await openAccount(visitor, [{ name: 'Kept' }, { name: 'To be removed' }])
    await visitor.page.getByRole('button', { name: /^Remove access.*To be removed/ }).click()
    await visitor.page.getByRole('status').waitFor()
  },
  'account-given-up': async (visitor) => {
    const flow = await scene.begin(scene.web.redirectUri, { name: 'Given up', prompt: 'consent' })
    await visitor.openConsent(flow)
    await visitor.button('Allow').click()
    const { refresh_token: token } = await scene.redeem(flow, (await visitor.isBack(scene.web)).get('code'))
    const body = new URLSearchParams({ token, client_id: flow.clientId })
    assert.equal((await fetch(`${scene.as.issuer}/revoke`, { method: 'POST', body })).status, 200)
    await visitor.open(`${scene.as.issuer}/account`)
    await visitor.page.getByText('It has no access at the moment').waitFor()
  },
  'account-refused': async (visitor) => {
    await openAccount(visitor, [])
    await visitor.page
      .locator('input[name=csrf]')
      .first()
      .evaluate((input) => (input.value = 'AAAA'))
    await visitor.page.locator('form ul button').first().click()
    await visitor.page.getByRole('link', { name: 'Open your account' }).waitFor()
  },
  done: async (visitor) => {
    await visitor.openConsent(await begin())
    await visitor.open(`${scene.as.issuer}/logout`)
    await visitor.button('Log out').click()
    await visitor.page.getByRole('heading', { name: /logged out/i }).waitFor()
  },
}

for (const [look, options] of Object.entries(LOOKS))
  describe(`in ${look}`, () => {
    for (const [name, reach] of Object.entries(PAGES))
      visit(
        `${name}: nothing stands out of the window, and axe-core finds nothing serious`,
        async (visitor) => {
          await reach(visitor)
          const { page } = visitor
          const width = await page.evaluate('[document.documentElement.scrollWidth, document.documentElement.clientWidth]')
          assert.ok(width[0] <= width[1], `${width[0]} px in a window of ${width[1]} px`)
          assert.deepEqual(await visitor.violations(), [])
          await visitor.screenshot(`${name}-${look}`)
        },
        { ...options, javaScriptEnabled: true, bypassCSP: true },
      )
  })

describe('every page', () => {
  for (const [name, reach] of Object.entries(PAGES))
    visit(`${name} has a language, a title, one heading of the first rank, and the style sheet`, async (visitor) => {
      await reach(visitor)
      const { page } = visitor
      assert.equal(await page.locator('html').getAttribute('lang'), 'en')
      assert.match(await page.title(), new RegExp(`.+ – ${new URL(scene.as.issuer).host}$`))
      assert.equal(await visitor.heading.count(), 1)
      assert.equal(await page.getByRole('main').count(), 1)
      assert.notEqual(await page.locator('main').evaluate((main) => getComputedStyle(main).paddingLeft), '0px')
    })

  visit('dark is dark and light is light', async (visitor) => {
    await PAGES.login(visitor)
    const brightness = () =>
      visitor.page.locator('main').evaluate((main) => getComputedStyle(main).backgroundColor.match(/\d+/g).slice(0, 3).map(Number))
    await visitor.page.emulateMedia({ colorScheme: 'light' })
    assert.ok((await brightness()).every((part) => part > 200))
    await visitor.page.emulateMedia({ colorScheme: 'dark' })
    assert.ok((await brightness()).every((part) => part < 60))
  })
})

describe('fields and buttons', () => {
  visit('password managers and phones are told what the fields are', async (visitor) => {
    await PAGES.login(visitor)
    const { page } = visitor
    const email = page.getByLabel('E-mail address')
    assert.equal(await email.getAttribute('autocomplete'), 'username')
    assert.equal(await email.getAttribute('inputmode'), 'email')
    assert.equal(await email.getAttribute('autocapitalize'), 'none')
    assert.equal(await page.getByLabel('Password').getAttribute('autocomplete'), 'current-password')
    assert.equal(await page.getByLabel('Password').getAttribute('type'), 'password')
  })

  visit('the message belongs to the fields', async (visitor) => {
    await PAGES['login-error'](visitor)
    for (const label of ['E-mail address', 'Password'])
      assert.equal(await visitor.page.getByLabel(label).getAttribute('aria-describedby'), await visitor.alert.getAttribute('id'))
  })

  visit(
    'a thumb hits every button on a small phone, and Deny is as large as Allow',
    async (visitor) => {
      await PAGES.consent(visitor)
      const size = async (name) => visitor.button(name).boundingBox()
      for (const name of ['Allow', 'Deny', 'Not you?']) {
        const { height, width } = await size(name)
        assert.ok(height >= BUTTON_MIN && width >= BUTTON_MIN, `${name}: ${width} x ${height}`)
      }
      const [allow, deny] = [await size('Allow'), await size('Deny')]
      assert.equal(deny.height, allow.height)
      assert.ok(Math.abs(deny.width - allow.width) < 1)
      const { height } = await visitor.page.locator('summary').boundingBox()
      assert.ok(height >= TARGET_MIN, `${height}`)
    },
    LOOKS['360px'],
  )

  visit(
    'so it does on the account page, where each button says of which application it is',
    async (visitor) => {
      await PAGES.account(visitor)
      const { page } = visitor
      const remove = page.getByRole('button', { name: new RegExp(`^Remove access An app that calls itself.*Looked at.*${SERVER_NAME}`) })
      for (const button of [remove.first(), visitor.button('Log out'), visitor.button('Log out everywhere else')]) {
        const { height, width } = await button.boundingBox()
        assert.ok(height >= BUTTON_MIN && width >= BUTTON_MIN, `${await button.innerText()}: ${width} x ${height}`)
      }
    },
    LOOKS['360px'],
  )

  visit('whatever has the focus shows it', async (visitor) => {
    await PAGES.consent(visitor)
    for (const name of ['Not you?', 'Deny', 'Allow']) {
      const button = visitor.button(name)
      assert.equal(await button.evaluate((element) => getComputedStyle(element).outlineStyle), 'none', name)
      await visitor.page.keyboard.press('Tab')
      while (!(await button.evaluate((element) => element === document.activeElement))) await visitor.page.keyboard.press('Tab')
      const { outlineStyle, outlineWidth } = await button.evaluate((element) => {
        const { outlineStyle, outlineWidth } = getComputedStyle(element)
        return { outlineStyle, outlineWidth }
      })
      assert.deepEqual({ outlineStyle, outlineWidth }, { outlineStyle: 'solid', outlineWidth: '3px' }, name)
    }
  })

  visit('a name as long as allowed does not push the buttons away', async (visitor) => {
    await PAGES['consent-long'](visitor)
    const { height } = await visitor.page.locator('.party').boundingBox()
    assert.ok(height < 200, `${height} px`)
  })
})
